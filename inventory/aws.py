"""A fleet on AWS: running instances by their tags, compared with their Auto Scaling group and both target groups.

Everything it needs is in the environment or in .env (docs/aws-instances.md). Settings are in group_data/aws.py.
"""

from dotenv import load_dotenv as _load_dotenv

from orchestrator.aws.inventory import hosts as _hosts
from orchestrator.inventory import handle_signals as _handle_signals

_handle_signals()
_load_dotenv()

nodes = _hosts()
