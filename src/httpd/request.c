/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <apr_strings.h>

#include "envelope_key.h"
#include "wire/text.h"

clp_request *clp_request_of(request_rec *r)
{
    return ap_get_module_config(r->request_config, &claude_proxy_module);
}

clp_request *clp_request_make(request_rec *r, const clp_route *route)
{
    clp_request *q = apr_pcalloc(r->pool, sizeof(*q));
    q->conf = clp_dir_config_of(r);
    q->route = *route;
    q->id = apr_pstrcat(r->pool, "req_", clp_random_base62(24, r->pool), NULL);
    ap_set_module_config(r->request_config, &claude_proxy_module, q);
    return q;
}

clp_intake clp_request_intake(const clp_request *q)
{
    clp_intake intake;
    intake.max_depth = (apr_uint32_t)CLP_CONF(q->conf, max_depth);
    intake.max_values = (apr_uint32_t)CLP_CONF(q->conf, max_values);
    intake.model = q->route.action ? q->route.model : NULL;
    intake.stream = q->route.action ? q->route.stream : -1;
    intake.envelope_key = clp_envelope_key_of_server();
    return intake;
}
