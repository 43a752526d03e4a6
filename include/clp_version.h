/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_VERSION_H
#define CLP_VERSION_H

#define CLP_VERSION "0.1.0"
#define CLP_PRODUCT "mod_claude_proxy/" CLP_VERSION

#endif
