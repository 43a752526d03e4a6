/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "table_size.h"

#include <apr_strings.h>

#include "ap_mpm.h"

#include "config.h"
#include "wire/quantity.h"

#define MOST_ROWS 65535

/* Capacities that nobody said grow in steps of this. */
#define STEP 64u

const char *clp_table_size_set(clp_table_size *size, cmd_parms *cmd, int argc, char *const argv[])
{
    const struct {
        const char *name;
        apr_uint32_t *rows;
    } tables[] = {{"channels=", &size->said.channels},
                  {"keys=", &size->said.keys},
                  {"models=", &size->said.models},
                  {"users=", &size->said.users}};

    size->place = clp_config_place(cmd->pool, cmd->directive);
    for (int i = 0; i < argc; i++) {
        apr_int64_t n = 0;
        int known = 0;
        for (int k = 0; k < 4; k++) {
            apr_size_t prefix = strlen(tables[k].name);
            if (!strncmp(argv[i], tables[k].name, prefix)) {
                known = clp_count_parse(argv[i] + prefix, &n) && n >= 1 && n <= MOST_ROWS;
                *tables[k].rows = (apr_uint32_t)n;
            }
        }
        if (!known) {
            return apr_psprintf(cmd->pool,
                                "ClaudeTableSize: '%s' is not channels, keys, models or users with "
                                "a number from 1 to %d, as in channels=200",
                                argv[i], MOST_ROWS);
        }
    }
    return argc ? NULL : "ClaudeTableSize wants at least one of channels=N keys=N models=N users=N";
}

const char *clp_table_size_check(const clp_table_size *size, const clp_capacity *needed,
                                 apr_pool_t *p)
{
    const struct {
        const char *name;
        apr_uint32_t said, needed;
    } tables[] = {{"channels", size->said.channels, needed->channels},
                  {"keys", size->said.keys, needed->keys}};

    for (int k = 0; k < 2; k++) {
        apr_uint32_t room = tables[k].said ? tables[k].said : MOST_ROWS;
        if (tables[k].needed > room) {
            return apr_psprintf(p,
                                "ClaudeTableSize: there is room for %u %s, and the configuration "
                                "has %u",
                                room, tables[k].name, tables[k].needed);
        }
    }
    return NULL;
}

static apr_uint32_t rows_for(apr_uint32_t said, apr_uint32_t dflt, apr_uint32_t needed,
                             apr_uint32_t had)
{
    apr_uint32_t rows = needed > dflt ? (needed + needed / 2 + STEP - 1) / STEP * STEP : dflt;
    if (said) {
        return said;
    }
    rows = rows > had ? rows : had;
    return rows < MOST_ROWS ? rows : MOST_ROWS;
}

/* Old children may stay as long as their streams, and killed ones until they are reaped. */
static apr_uint32_t children_at_most(void)
{
    int limit = 0;
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &limit);
    return limit > 0 ? (apr_uint32_t)limit * 2 : 0;
}

clp_capacity clp_table_size_for(const clp_table_size *size, const clp_capacity *needed,
                                const clp_capacity *had)
{
    clp_capacity dflt = clp_capacity_default();
    clp_capacity c = dflt;
    apr_uint32_t children = children_at_most();
    c.channels = rows_for(size->said.channels, dflt.channels, needed->channels, had->channels);
    c.keys = rows_for(size->said.keys, dflt.keys, needed->keys, had->keys);
    c.circuits = rows_for(0, 2 * c.keys > dflt.circuits ? 2 * c.keys : dflt.circuits,
                          needed->circuits, had->circuits);
    c.models = rows_for(size->said.models, dflt.models, 0, had->models);
    c.users = rows_for(size->said.users, dflt.users, 0, had->users);
    c.children = rows_for(0, children ? children : dflt.children, 0, had->children);
    return c;
}
