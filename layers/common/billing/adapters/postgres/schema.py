"""What a schema consists of, object by object, so that two states of it can be compared by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection

# One row an object: a name for people, and everything about it that a migration may set. The runner's own
# table and what extensions bring are left out; so is whether a role may log in, which is not the schema's,
# and so are partitions, which come and go with the months.
_LISTING = """
WITH space AS (SELECT oid FROM pg_namespace WHERE nspname = 'public'),
relations AS (
    SELECT c.* FROM pg_class AS c JOIN space ON c.relnamespace = space.oid
    WHERE c.relname NOT LIKE 'schema\\_migrations%%' AND NOT c.relispartition
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
)
SELECT 'table ' || relname AS name,
    concat_ws(' ', relkind, 'rls', relrowsecurity, 'forced', relforcerowsecurity,
        obj_description(oid, 'pg_class')) AS definition
FROM relations WHERE relkind IN ('r', 'p')
UNION ALL
SELECT 'view ' || relname, pg_get_viewdef(oid) FROM relations WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'sequence ' || relname, '' FROM relations WHERE relkind = 'S'
UNION ALL
SELECT 'index ' || relname, pg_get_indexdef(oid) FROM relations WHERE relkind IN ('i', 'I')
UNION ALL
SELECT format('column %%s.%%s', r.relname, a.attname),
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), 'collation', nullif(a.attcollation, 0)::regcollation,
        CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid), a.attidentity,
        a.attgenerated)
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p')
UNION ALL
-- NOT NULL is said with its column; PostgreSQL 18 lists it as a constraint too, older ones do not.
SELECT format('constraint %%s.%%s', r.relname, k.conname),
    concat_ws(' ', pg_get_constraintdef(k.oid), CASE WHEN NOT k.convalidated THEN 'not valid' END)
FROM relations AS r JOIN pg_constraint AS k ON k.conrelid = r.oid WHERE k.contype <> 'n'
UNION ALL
SELECT format('policy %%s.%%s', r.relname, p.polname),
    concat_ws(' ', p.polcmd, p.polpermissive,
        (SELECT string_agg(x::regrole::text, ',' ORDER BY x::regrole::text) FROM unnest(p.polroles) AS x),
        'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
FROM relations AS r JOIN pg_policy AS p ON p.polrelid = r.oid
UNION ALL
SELECT format('trigger %%s.%%s', r.relname, t.tgname), concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
FROM relations AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'function ' || f.oid::regprocedure, pg_get_functiondef(f.oid)
FROM pg_proc AS f JOIN space ON f.pronamespace = space.oid
WHERE f.prokind IN ('f', 'p')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = f.oid AND d.deptype = 'e')
UNION ALL
SELECT 'type ' || t.oid::regtype, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
    FROM pg_enum AS e WHERE e.enumtypid = t.oid)
FROM pg_type AS t JOIN space ON t.typnamespace = space.oid WHERE t.typtype IN ('e', 'd', 'r')
UNION ALL
SELECT format('grant on %%s to %%s', g.object, coalesce(nullif(g.grantee, 0)::regrole::text, 'PUBLIC')),
    string_agg(g.privilege_type, ',' ORDER BY g.privilege_type)
FROM (
    SELECT r.relname AS object, x.grantee, x.privilege_type
    FROM relations AS r, aclexplode(r.relacl) AS x WHERE x.grantee <> r.relowner
    UNION ALL
    SELECT format('%%s.%%s', r.relname, a.attname), x.grantee, x.privilege_type
    FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid, aclexplode(a.attacl) AS x
    UNION ALL
    SELECT f.oid::regprocedure::text, x.grantee, x.privilege_type
    FROM pg_proc AS f JOIN space ON f.pronamespace = space.oid,
        aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS x WHERE x.grantee <> f.proowner
    UNION ALL
    SELECT 'schema public', x.grantee, x.privilege_type
    FROM pg_namespace AS n, aclexplode(n.nspacl) AS x WHERE n.nspname = 'public' AND x.grantee <> n.nspowner
) AS g
GROUP BY g.object, g.grantee
UNION ALL
SELECT 'role ' || rolname, concat_ws(' ', 'superuser', rolsuper, 'bypassrls', rolbypassrls, 'createrole',
    rolcreaterole, 'createdb', rolcreatedb, 'replication', rolreplication, array_to_string(rolconfig, ','),
    'in', (SELECT string_agg(m.roleid::regrole::text, ',') FROM pg_auth_members AS m WHERE m.member = r.oid))
FROM pg_roles AS r WHERE rolname = ANY (%(roles)s)"""

# The roles that the functions log in as.
APPLICATION_ROLES = ("billing_api", "billing_worker")

type Schema = dict[str, str]


def list_schema(connection: Connection) -> Schema:
    """Return the objects of the schema `public` and the application roles: name to definition.

    It must run in a transaction, whose search path it sets: definitions are written relative to that.
    """
    connection.execute("SELECT set_config('search_path', 'public', true)")
    rows = connection.execute(_LISTING, {"roles": list(APPLICATION_ROLES)}).fetchall()
    return {row["name"]: row["definition"] or "" for row in sorted(rows, key=lambda row: str(row["name"]))}


def differences(expected: Schema, found: Schema) -> tuple[str, ...]:
    """Return what differs, one short sentence an object, in the order of names."""
    told = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            told.append(f"missing: {name}")
        elif name not in expected:
            told.append(f"unexpected: {name}")
        elif expected[name] != found[name]:
            told.append(f"changed: {name}")
    return tuple(told)
