"""Settings of the application on inventory/prod.py. All of them: docs/settings.md."""

import os

from dotenv import load_dotenv

from orchestrator.inventory import PATIENCE, login

# secrets come from the operator's own .env
load_dotenv()

# Provisioning logs in as an administrator (root, or one with sudo: add --sudo), everything else as the deploy user.
ssh_user = login(admin="root", deploy="deploy")
ssh_strict_host_key_checking = "yes"
ssh_paramiko_connect_kwargs = PATIENCE

settings = {
    "app": "shop",
    "source": {
        "origin": "git@git.example.com:shop/shop.git",
        "ref": "main",
    },
    "switches": [
        {"kind": "haproxy", "group": "haproxy", "urls": ["http://shop.example.com/"]},
    ],
    "authorized_keys": ["~/.ssh/id_ed25519.pub"],
    "shared": {"directories": ["storage"]},
    # requests with this token, such as the probe, see which release answers
    "marker": {"answers": "probe", "token": os.environ.get("ORCHESTRATOR_PROBE_TOKEN")},
    "gate": {"path": "/health", "host": "shop.example.com"},
}
