/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_OUTPUT_H
#define CLP_DIALECT_RESPONSES_OUTPUT_H

#include "dialect/dialect.h"
#include "responses_echo.h"

/**
 * @file responses_output.h
 * @brief The output of a Responses answer as it is written: items one after the
 * other, each told by events if it is a stream, and kept for the whole list.
 *
 * One item is open at a time. Texts are escaped. Of a document (options->stream
 * is 0) only the list is made.
 */
typedef struct clp_responses_output {
    apr_pool_t *pool;
    clp_buffer *out; /* events */
    const clp_writer_options *options;
    clp_responses_echo *echo;
    clp_buffer items; /* the whole ones so far, between commas */
    clp_buffer item;  /* the open one, as it will be when it is whole */
    clp_buffer text;  /* of the open item, escaped */
    clp_buffer state; /* likewise: an envelope, or encrypted content */
    clp_buffer where; /* members of the open item's events that name it */
    clp_buffer item_id;
    const clp_tool *tool; /* what the open call calls, if that is known */
    int opened;           /* items so far */
    int sequence;
    unsigned parted : 1; /* the open item's part was added */
} clp_responses_output;

/** @param options and `out` must outlive the output */
void clp_responses_output_init(clp_responses_output *o, const clp_writer_options *options,
                               clp_buffer *out, apr_pool_t *pool);

/* --- responses_output.c: what all items have in common --- */

/** Begin an event, up to behind its sequence number; `type` goes out as it is. */
void clp_responses_output_event(clp_responses_output *o, const char *type);

/** End the event that was begun. */
void clp_responses_output_end_event(clp_responses_output *o);

/** A new item; its id is `native` if it has the prefix, else one of ours. */
void clp_responses_output_begin(clp_responses_output *o, const char *prefix, clp_text native);

/** Append the item's first members, id and type, without its end. */
void clp_responses_output_head(clp_responses_output *o, clp_buffer *to, const char *type);

/** Begin the event of an item that was added; its JSON follows, and the event's end. */
void clp_responses_output_added(clp_responses_output *o);

/** The item in o->item is whole: tell it, and put it into the list. */
void clp_responses_output_done(clp_responses_output *o);

/**
 * An event about the open item's text.
 * @param index members in front of the text, up to its quote
 * @param rest  closes what the text stands in
 */
void clp_responses_output_text_event(clp_responses_output *o, const char *type, const char *index,
                                     clp_span text, const char *rest);

/** Keep a piece of the open item's text, and tell nothing. */
void clp_responses_output_keep(clp_responses_output *o, clp_span escaped);

/** Keep a piece of the open item's text and tell it, as an event likewise. */
void clp_responses_output_delta(clp_responses_output *o, const char *type, const char *index,
                                clp_span escaped, const char *rest);

/* --- responses_output_text.c: messages and reasoning --- */

void clp_responses_output_open_message(clp_responses_output *o, int refusal);
void clp_responses_output_say(clp_responses_output *o, int refusal, clp_span escaped);

/** @param whole 0: the answer was cut off within the message */
void clp_responses_output_close_message(clp_responses_output *o, int refusal, int whole);

/** @param e BLOCK_OPEN of REASONING or REDACTED */
void clp_responses_output_open_reasoning(clp_responses_output *o, const clp_event *e);
void clp_responses_output_thought(clp_responses_output *o, clp_span escaped);

/** The open reasoning's state: it stands in the item when that is closed. */
void clp_responses_output_state(clp_responses_output *o, clp_provider provider, clp_state_kind kind,
                                clp_text text);
void clp_responses_output_close_reasoning(clp_responses_output *o);

/* --- responses_output_call.c --- */

/** @param e BLOCK_OPEN of TOOL_CALL or CUSTOM_CALL */
void clp_responses_output_open_call(clp_responses_output *o, const clp_event *e);
void clp_responses_output_arguments(clp_responses_output *o, clp_part_kind part, clp_span escaped);

/** @param whole 0: the answer was cut off within the call */
void clp_responses_output_close_call(clp_responses_output *o, clp_part_kind part, int whole);

#endif
