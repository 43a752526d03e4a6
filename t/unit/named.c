/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "named.h"

#include <string.h>

const clp_dialect *named_dialect(const char *name)
{
    for (const clp_dialect *const *d = clp_dialects; *d; d++) {
        if (strcmp((*d)->name, name) == 0) {
            return *d;
        }
    }
    return NULL;
}

const char *name_of_fault(clp_fault f)
{
    switch (f) {
    case CLP_FAULT_NONE: return "none";
    case CLP_FAULT_PROVIDER: return "provider";
    case CLP_FAULT_KEY: return "key";
    case CLP_FAULT_QUOTA_KEY: return "quota_key";
    case CLP_FAULT_QUOTA_MODEL: return "quota_model";
    case CLP_FAULT_OVERLOAD: return "overload";
    }
    return "unknown";
}
