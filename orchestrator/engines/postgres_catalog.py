"""Reads the schema of a database of PostgreSQL."""
# ruff: noqa: S608 (the queries are made of constants of this file)

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from orchestrator.database.catalog import (
    Catalog,
    Check,
    Column,
    Enum,
    ForeignKey,
    Grant,
    Index,
    Named,
    Routine,
    Table,
    View,
)
from orchestrator.database.model import Engine

Rows = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query, and returns its rows."""

_NULL = re.compile(r'NULL::[\w\s."\[\](),]+')
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_KINDS = {"r": "table", "p": "partitioned", "f": "foreign"}
_IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}


def read(rows: Rows) -> Catalog:
    """Read the catalog of the present database, without the objects of extensions.

    The setting ``search_path`` is empty during the queries, and then has its former value again.
    """
    [[path]] = rows("SELECT current_setting('search_path')")
    rows("SELECT set_config('search_path', '', false)")
    restore = f"SELECT set_config('search_path', {_literal(str(path))}, false)"
    try:
        found = _read(rows)
    except Exception:
        # a query may give up because a table is locked, and the caller then reads again
        with suppress(Exception):
            rows(restore)
        raise
    rows(restore)
    return found


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(rows: Rows) -> Catalog:
    columns = _grouped(rows(_COLUMNS), _column)
    return Catalog(
        engine=Engine.POSTGRES,
        tables=_tables(rows, columns),
        views=tuple(
            View(name, columns.get(oid, ()), definition, materialized, options, owner)
            for oid, name, definition, materialized, options, owner in rows(_VIEWS)
        ),
        sequences=tuple(Named(*row) for row in rows(_SEQUENCES)),
        enums=tuple(Enum(name, tuple(values)) for name, values in rows(_ENUMS)),
        domains=tuple(Named(*row) for row in rows(_DOMAINS)),
        routines=tuple(Routine(*row) for row in rows(_ROUTINES)),
        others=tuple(Named(*row) for row in rows(_OTHERS)),
        grants=tuple(Grant(*row) for row in rows(_GRANTS)),
    )


def _grouped(rows: Sequence[Sequence[Any]], make: Callable[..., Any]) -> dict[int, tuple[Any, ...]]:
    """The parts of each table, by the table's oid, which is the first value of a row."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for oid, *row in rows:
        found[oid].append(make(*row))
    return {oid: tuple(parts) for oid, parts in found.items()}


def _tables(rows: Rows, columns: dict[int, tuple[Column, ...]]) -> tuple[Table, ...]:
    indexes = _grouped(rows(_INDEXES), _index)
    keys, checks = _grouped(rows(_KEYS), _key), _grouped(rows(_CHECKS), Check)
    triggers, policies, rules = (_grouped(rows(text), Named) for text in (_TRIGGERS, _POLICIES, _RULES))
    return tuple(
        Table(
            name,
            kind=_KINDS[kind],
            columns=columns.get(oid, ()),
            indexes=indexes.get(oid, ()),
            foreign_keys=keys.get(oid, ()),
            checks=checks.get(oid, ()),
            triggers=triggers.get(oid, ()),
            policies=policies.get(oid, ()),
            rules=rules.get(oid, ()),
            owner=owner,
            storage=storage,
            partition_of=parents,
            partition_by=key,
            security=security,
        )
        for oid, name, kind, owner, storage, parents, key, security in rows(_TABLES)
    )


def _column(*row: Any) -> Column:
    name, kind, nullable, default, generated, identity, collation = row
    stored = f"{default} STORED" if generated else ""
    plain = None if generated or default is None or _NULL.fullmatch(default) else default
    return Column(name, kind, nullable, plain, stored, _IDENTITY.get(identity, ""), collation)


def _index(*row: Any) -> Index:
    name, columns, *rest = row
    return Index(name, tuple(columns), *rest)


def _key(*row: Any) -> ForeignKey:
    name, columns, target, others, delete, update, *rest = row
    return ForeignKey(name, tuple(columns), target, tuple(others), _ACTIONS[delete], _ACTIONS[update], *rest)


_OURS = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"


def _own(catalog: str, alias: str) -> str:
    """A condition: an object belongs neither to the server itself nor to an extension."""
    return (
        f"{_OURS} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalog}'::regclass"
        f" AND d.objid = {alias}.oid AND d.deptype = 'e')"
    )


def _name(column: str) -> str:
    return f"CASE n.nspname WHEN 'public' THEN quote_ident({column}) ELSE format('%I.%I', n.nspname, {column}) END"


_FROM = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
_CLASS = _own("pg_class", "c")
_TABLES = f"""
SELECT c.oid, {_name("c.relname")}, c.relkind::text, c.relowner::regrole::text,
    CASE c.relpersistence WHEN 'p' THEN '' WHEN 'u' THEN 'unlogged' ELSE 'temporary' END,
    coalesce((SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i
        WHERE i.inhrelid = c.oid) || coalesce(' ' || pg_get_expr(c.relpartbound, c.oid), ''), ''),
    coalesce(pg_get_partkeydef(c.oid), ''),
    CASE WHEN c.relforcerowsecurity THEN 'forced' WHEN c.relrowsecurity THEN 'enabled' ELSE '' END
{_FROM} WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND {_CLASS} ORDER BY 2
"""
_COLUMNS = f"""
SELECT c.oid, a.attname, format_type(a.atttypid, a.atttypmod),
    NOT a.attnotnull AND NOT (t.typtype = 'd' AND t.typnotnull),
    coalesce(pg_get_expr(f.adbin, f.adrelid), t.typdefault), a.attgenerated <> '', a.attidentity::text,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text ELSE '' END
{_FROM} JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped AND {_CLASS} ORDER BY c.oid, 2
"""
_INDEXES = f"""
SELECT i.indrelid, x.relname,
    ARRAY(SELECT pg_get_indexdef(x.oid, k, true) FROM generate_series(1, i.indnkeyatts) k),
    replace(pg_get_indexdef(x.oid), format(' INDEX %I ON ', x.relname), ' INDEX ON '),
    i.indisunique, i.indisprimary, EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = x.oid
        AND o.contype IN ('p', 'u', 'x')), i.indisexclusion, NOT i.indimmediate, i.indisvalid
{_FROM} JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid WHERE {_CLASS} ORDER BY 1, 2
"""


def _constraint_columns(numbers: str, table: str) -> str:
    return (
        f"ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY k(number, place) JOIN pg_attribute a"
        f" ON a.attrelid = {table} AND a.attnum = k.number ORDER BY k.place)"
    )


_KEYS = f"""
SELECT o.conrelid, o.conname, {_constraint_columns("o.conkey", "o.conrelid")},
    (SELECT {_name("r.relname")} FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
        WHERE r.oid = o.confrelid), {_constraint_columns("o.confkey", "o.confrelid")},
    o.confdeltype::text, o.confupdtype::text, format('%s %s %s', o.confmatchtype, o.condeferrable, o.condeferred),
    o.convalidated, NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgconstraint = o.oid AND g.tgenabled <> 'O')
{_FROM} JOIN pg_constraint o ON o.conrelid = c.oid WHERE o.contype = 'f' AND {_CLASS} ORDER BY 1, 2
"""
_CHECKS = f"""
SELECT o.conrelid, o.conname, pg_get_expr(o.conbin, o.conrelid), o.convalidated
{_FROM} JOIN pg_constraint o ON o.conrelid = c.oid WHERE o.contype = 'c' AND {_CLASS} ORDER BY 1, 2
"""
_TRIGGERS = f"""
SELECT c.oid, g.tgname, format('%s (%s)', pg_get_triggerdef(g.oid), g.tgenabled)
{_FROM} JOIN pg_trigger g ON g.tgrelid = c.oid WHERE NOT g.tgisinternal AND {_CLASS} ORDER BY 1, 2
"""
_POLICIES = f"""
SELECT c.oid, p.polname, format('%s %s %s USING (%s) WITH CHECK (%s)', p.polcmd, p.polpermissive, p.polroles::regrole[],
    pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
{_FROM} JOIN pg_policy p ON p.polrelid = c.oid WHERE {_CLASS} ORDER BY 1, 2
"""
_RULES = f"""
SELECT c.oid, w.rulename, format('%s (%s)', pg_get_ruledef(w.oid), w.ev_enabled)
{_FROM} JOIN pg_rewrite w ON w.ev_class = c.oid WHERE w.rulename <> '_RETURN' AND {_CLASS} ORDER BY 1, 2
"""
_VIEWS = f"""
SELECT c.oid, {_name("c.relname")}, rtrim(pg_get_viewdef(c.oid), ';'), c.relkind = 'm',
    coalesce(array_to_string(c.reloptions, ', '), ''), c.relowner::regrole::text
{_FROM} WHERE c.relkind IN ('v', 'm') AND {_CLASS} ORDER BY 2
"""
_SEQUENCES = f"""
SELECT {_name("c.relname")}, format('%s START %s MIN %s MAX %s BY %s CYCLE %s OWNER %s', format_type(s.seqtypid, NULL),
    s.seqstart, s.seqmin, s.seqmax, s.seqincrement, s.seqcycle, c.relowner::regrole)
{_FROM} JOIN pg_sequence s ON s.seqrelid = c.oid WHERE {_CLASS} ORDER BY 1
"""
_TYPE = f"FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {_own('pg_type', 't')}"
_ENUMS = f"""
SELECT {_name("t.typname")}, ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
    ORDER BY e.enumsortorder)
{_TYPE} AND t.typtype = 'e' ORDER BY 1
"""
_DOMAINS = f"""
SELECT {_name("t.typname")}, format('%s NOT NULL %s DEFAULT %s %s', format_type(t.typbasetype, t.typtypmod),
    t.typnotnull, t.typdefault, (SELECT string_agg(format('%s %s %s', o.conname, pg_get_constraintdef(o.oid),
    o.convalidated), ', ' ORDER BY o.conname) FROM pg_constraint o WHERE o.contypid = t.oid))
{_TYPE} AND t.typtype = 'd' ORDER BY 1
"""
_ROUTINES = f"""
SELECT {_name("p.proname")}, pg_get_function_identity_arguments(p.oid), CASE WHEN p.prokind = 'a'
    THEN format('aggregate %s', pg_get_function_result(p.oid)) ELSE pg_get_functiondef(p.oid) END
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_own("pg_proc", "p")} ORDER BY 1, 2
"""
_OTHERS = f"""
SELECT 'extension ' || quote_ident(extname), extversion FROM pg_extension
UNION ALL SELECT 'schema ' || quote_ident(n.nspname), '' FROM pg_namespace n WHERE {_own("pg_namespace", "n")}
UNION ALL SELECT 'type ' || {_name("t.typname")}, CASE WHEN t.typtype = 'c' THEN (SELECT string_agg(a.attname || ' '
    || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) FROM pg_attribute a
    WHERE a.attrelid = t.typrelid AND NOT a.attisdropped) ELSE t.typtype::text END
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE {_own("pg_type", "t")} AND (t.typtype = 'r' OR c.relkind = 'c')
UNION ALL SELECT 'statistics ' || {_name("s.stxname")}, pg_get_statisticsobjdef(s.oid)
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
UNION ALL SELECT 'event-trigger ' || quote_ident(evtname), format('%s %s %s', evtevent, evtfoid::regproc, evtenabled)
    FROM pg_event_trigger
UNION ALL SELECT format('operator %s(%s, %s)', {_name("o.oprname")}, format_type(o.oprleft, NULL),
    format_type(o.oprright, NULL)), o.oprcode::text FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE {_own("pg_operator", "o")}
UNION ALL SELECT format('cast %s to %s', format_type(castsource, NULL), format_type(casttarget, NULL)),
    format('%s %s %s', castfunc::regproc, castcontext, castmethod)
    FROM pg_cast k WHERE k.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_cast'::regclass AND d.objid = k.oid AND d.deptype = 'e')
UNION ALL SELECT 'collation ' || {_name("l.collname")}, format('%s %s', l.collprovider, l.collcollate)
    FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE {_own("pg_collation", "l")}
UNION ALL SELECT 'server ' || quote_ident(srvname), srvoptions::text FROM pg_foreign_server
UNION ALL SELECT 'publication ' || quote_ident(pubname), '' FROM pg_publication
ORDER BY 1
"""


def _privileges(kind: str, name: str, acl: str, rest: str) -> str:
    return (
        f"SELECT {kind} || ' ' || {name} AS object, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text"
        f" END AS role, g.privilege_type {rest.format(acl=f'CROSS JOIN LATERAL aclexplode({acl}) g')}"
    )


_ACL = """coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))"""
_GRANTS = " UNION ALL ".join(
    [
        _privileges(
            "CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END",
            _name("c.relname"),
            _ACL,
            f"{_FROM} {{acl}} WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND c.relpersistence <> 't'"
            f" AND {_CLASS}",
        ),
        _privileges(
            "'column'",
            f"{_name('c.relname')} || '.' || quote_ident(a.attname)",
            "a.attacl",
            f"{_FROM} JOIN pg_attribute a ON a.attrelid = c.oid {{acl}} WHERE NOT a.attisdropped AND {_CLASS}",
        ),
        _privileges(
            "'function'",
            f"{_name('p.proname')} || '(' || pg_get_function_identity_arguments(p.oid) || ')'",
            "coalesce(p.proacl, acldefault('f', p.proowner))",
            f"FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace {{acl}} WHERE {_own('pg_proc', 'p')}",
        ),
        _privileges(
            "'schema'",
            "quote_ident(n.nspname)",
            "coalesce(n.nspacl, acldefault('n', n.nspowner))",
            f"FROM pg_namespace n {{acl}} WHERE {_OURS}",
        ),
    ]
)
_GRANTS = f"SELECT DISTINCT object, role, privilege_type FROM ({_GRANTS}) AS granted ORDER BY 1, 2, 3"
