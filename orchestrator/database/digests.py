"""Digests of the tables of a schema, to find out later which tables were changed by hand. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from orchestrator.database.catalog import Catalog, Check, Column, ForeignKey, Index, Named, Table


def digests(catalog: Catalog, server: str) -> str:
    """Return a digest of each table, as JSON. The tables of the ledger are left out.

    + server: version of the server. The digests of different versions cannot be compared, because another version may
      describe the same table in other words. Therefore the JSON contains the version
    """
    parts = (Table, Column, Index, ForeignKey, Check, Named)
    form = hashlib.sha256(repr([[one.name for one in fields(part)] for part in parts]).encode()).hexdigest()[:8]
    tables = {
        one.name: hashlib.sha256(repr(one).encode()).hexdigest()[:12]
        for one in catalog.tables
        if not one.name.rpartition(".")[2].startswith("deploy_schema_")
    }
    return json.dumps({"form": f"{form} {server}", "tables": tables}, sort_keys=True, separators=(",", ":"))
