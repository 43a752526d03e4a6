/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "builtin_tools.h"

#include "texts.h"

#define STRING(description)  "{\"type\":\"string\",\"description\":\"" description "\"}"
#define INTEGER(description) "{\"type\":\"integer\",\"description\":\"" description "\"}"
#define LINES(description)                                                                         \
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"description\":\"" description "\"}"

#define EDITOR(commands)                                                                                                                                                                                                                                                         \
    "{\"type\":\"object\",\"properties\":{"                                                                                                                                                                                                                                      \
    "\"command\":{\"type\":\"string\",\"enum\":[" commands "]},"                                                                                                                                                                                                                 \
    "\"path\":" STRING(                                                                                                                                                                                                                                                          \
        "Absolute path of the file or directory") ","                                                                                                                                                                                                                            \
                                                  "\"view_range\":" LINES(                                                                                                                                                                                                       \
                                                      "First and last line to view; -1 is the "                                                                                                                                                                                  \
                                                      "end of the file") ","                                                                                                                                                                                                     \
                                                                         "\"file_text\":" STRING(                                                                                                                                                                                \
                                                                             "Content of the "                                                                                                                                                                                   \
                                                                             "file to create") ","                                                                                                                                                                               \
                                                                                               "\"old_str\":" STRING(                                                                                                                                                            \
                                                                                                   "Text to replace; it must occur exactly once") ","                                                                                                                            \
                                                                                                                                                  "\"new_str\":" STRING(                                                                                                         \
                                                                                                                                                      "Text to put in its place, or to insert") ","                                                                              \
                                                                                                                                                                                                "\"insert_line\":" INTEGER(                                                      \
                                                                                                                                                                                                    "Line after which to insert; 0 is the beginning") ","                        \
                                                                                                                                                                                                                                                      "\"insert_text\":" STRING( \
                                                                                                                                                                                                                                                          "Text to insert") "},\"required\":[\"command\",\"path\"]}"

#define EDITOR_DESCRIPTION                                                                         \
    "View, create and edit text files. Commands: view, create, str_replace, insert."

/* The first whose type fits; the newer editors have no undo. */
static const clp_builtin_tool tools[] = {
    {"bash_", "Run a command in a persistent bash session.",
     "{\"type\":\"object\",\"properties\":{"
     "\"command\":" STRING(
         "The command to run; not needed with restart") ","
                                                        "\"restart\":{\"type\":\"boolean\","
                                                        "\"description\":\"Start the session "
                                                        "anew\"}}}"},
    {"text_editor_2024", EDITOR_DESCRIPTION,
     EDITOR("\"view\",\"create\",\"str_replace\",\"insert\",\"undo_edit\"")},
    {"text_editor_20250124", EDITOR_DESCRIPTION,
     EDITOR("\"view\",\"create\",\"str_replace\",\"insert\",\"undo_edit\"")},
    {"text_editor_", EDITOR_DESCRIPTION, EDITOR("\"view\",\"create\",\"str_replace\",\"insert\"")},
    {"memory_",
     "Keep notes in files below /memories that outlast the conversation. Commands: view, create, "
     "str_replace, insert, delete, rename.",
     "{\"type\":\"object\",\"properties\":{"
     "\"command\":{\"type\":\"string\",\"enum\":[\"view\",\"create\",\"str_replace\",\"insert\","
     "\"delete\",\"rename\"]},"
     "\"path\":" STRING(
         "Path below /memories") ","
                                 "\"view_range\":" LINES(
                                     "First and last line to view") ","
                                                                    "\"file_text\":" STRING(
                                                                        "Content of the file to "
                                                                        "create") ","
                                                                                  "\"old_"
                                                                                  "str\":" STRING(
                                                                                      "Text to "
                                                                                      "replace") ","
                                                                                                 "\"new_str\":" STRING(
                                                                                                     "Text to put in its place") ","
                                                                                                                                 "\"insert_line\":" INTEGER(
                                                                                                                                     "Line after which to insert") ","
                                                                                                                                                                   "\"insert_text\":" STRING(
                                                                                                                                                                       "Text to insert") ","
                                                                                                                                                                                         "\"old_path\":" STRING(
                                                                                                                                                                                             "Path to rename") ","
                                                                                                                                                                                                               "\"new_path\":" STRING(
                                                                                                                                                                                                                   "Its new path") "},\"required\":[\"command\"]}"},
};

const clp_builtin_tool *clp_builtin_tool_find(const clp_tool *tool)
{
    for (apr_size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (clp_text_starts(tool->type, tools[i].type)) {
            return &tools[i];
        }
    }
    return NULL;
}
