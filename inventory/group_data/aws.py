"""Settings of the application on inventory/aws.py. All of them: docs/settings.md."""

import os

from dotenv import load_dotenv

from orchestrator.inventory import PATIENCE, login

# what differs between accounts, and secrets, come from the operator's own .env
load_dotenv()

__region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
__bucket = os.environ.get("ORCHESTRATOR_BUCKET", "")

# Debian's own images have an administrator of this name: add --sudo to provision.
ssh_user = login(admin="admin", deploy="deploy")
# The host key of a new instance is unknown; its address may have belonged to another instance before.
ssh_strict_host_key_checking = "accept-new"
ssh_paramiko_connect_kwargs = PATIENCE

settings = {
    "app": "shop",
    "source": {
        "origin": "git@git.example.com:shop/shop.git",
        "ref": "main",
    },
    "switches": [
        {
            "kind": "alb",
            "rule": os.environ.get("ORCHESTRATOR_RULE", ""),
            "blue": os.environ.get("ORCHESTRATOR_BLUE", ""),
            "green": os.environ.get("ORCHESTRATOR_GREEN", ""),
            "region": __region,
            "urls": [os.environ.get("ORCHESTRATOR_URL", "https://shop.example.com/")],
        },
    ],
    "journal": {"kind": "s3", "bucket": __bucket, "prefix": "shop/prod", "region": __region},
    "authorized_keys": ["~/.ssh/id_ed25519.pub"],
    "shared": {"directories": ["storage"], "files": [".env"]},
    # requests with this token, such as the probe, see which release answers
    "marker": {"answers": "probe", "token": os.environ.get("ORCHESTRATOR_PROBE_TOKEN")},
    "gate": {"path": "/health", "host": "shop.example.com"},
}

if os.environ.get("ORCHESTRATOR_GROUP"):
    settings["scaling"] = {
        "group": os.environ["ORCHESTRATOR_GROUP"],
        "live": f"s3://{__bucket}/shop/prod/live.json",
        "hook": "catch-up",
        "region": __region,
    }
