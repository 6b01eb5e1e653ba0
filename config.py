"""pyinfra's own configuration for everything that is started here."""

from pyinfra.context import config

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"
# A server that does not answer must not hold up a rollback.
config.CONNECT_TIMEOUT = 3
