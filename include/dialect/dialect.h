/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_DIALECT_H
#define CLP_DIALECT_DIALECT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "dialect/conversation.h"
#include "dialect/envelope.h"
#include "dialect/event.h"
#include "dialect/target.h"
#include "wire/buffer.h"
#include "wire/json_scan.h"
#include "wire/problem.h"
#include "wire/span.h"

/**
 * @file dialect.h
 * @brief A protocol, as client and as upstream. Adding one = its two source
 * files and one row in the registry.
 *
 * Nothing here does I/O, keeps global state, or knows httpd. All functions may
 * run on any thread; an object (conversation, reader, writer) belongs to one
 * request and is used by one thread at a time. Memory comes from the pool
 * given, and from buffers that are reused: a delta costs no allocation.
 */

/** How to take a client's request: the bounds, and what stood outside its body. */
typedef struct clp_intake {
    apr_uint32_t max_depth;  /**< JSON nesting */
    apr_uint32_t max_values; /**< recorded JSON values, 0 = unbounded */
    const char *model;       /**< the model the path names (Gemini); NULL = the body does */
    int stream;              /**< likewise: 1, 0 or CLP_STREAM_ARRAY; -1 = the body says */
    const clp_envelope_key *envelope_key; /**< NULL = foreign reasoning state is not opened */
} clp_intake;

/** A stream is wanted, as one JSON array instead of events (Gemini without alt=sse). */
#define CLP_STREAM_ARRAY 2

/** Bounds alone, for clients whose body says everything. */
#define CLP_INTAKE(depth, values) ((clp_intake){(depth), (values), NULL, -1, NULL})

/** What passthrough and the scheduler need to know of a request, without a conversation. */
typedef struct clp_sniffed {
    const char *model;  /**< decoded; NULL if the request names none */
    clp_span model_raw; /**< the model's JSON string in the body, quotes included */
    int stream;
    apr_int64_t max_tokens;        /**< -1 = not said */
    const char *user;              /**< the end user's id as the client tells it, or NULL */
    const char *session;           /**< id of the client's session, or NULL */
    const char *thread;            /**< Messages: "create", "continue" or NULL */
    const char *previous;          /**< Messages: thread.previous_message_id, or NULL */
    int include_usage;             /**< Chat: the client asked for the usage chunk */
    int functions;                 /**< Chat: in fact of the function era (chat_legacy) */
    const char *previous_response; /**< Responses: previous_response_id, or NULL */
    int store;                     /**< Responses: 1, 0, -1 = not said */
    int background;                /**< Responses: the answer shall be fetched later */
    int array;                     /**< Gemini: the stream is one JSON array */
    clp_json *doc; /**< the body's top level, for those who need more; record depth 1 */
} clp_sniffed;

typedef struct clp_reader clp_reader;
typedef struct clp_writer clp_writer;

/** How the upstream's bytes ended. */
typedef enum clp_ending {
    CLP_ENDED_CLEANLY, /**< the whole body was read */
    CLP_ENDED_CUT      /**< the connection broke, or a deadline passed */
} clp_ending;

/** What came as the answer's body. */
typedef enum clp_body_kind {
    CLP_BODY_UNKNOWN, /**< no usable Content-Type: the reader decides by the first byte */
    CLP_BODY_JSON,
    CLP_BODY_SSE
} clp_body_kind;

/**
 * What a body is by its first bytes: an object, an array or a page is a document whatever the
 * Content-Type says, for many upstreams answer a stream with a document or the other way round.
 * @param declared by the Content-Type; decides where the first byte leaves it open
 * @return UNKNOWN as long as there is only padding (blanks, a byte order mark)
 */
clp_body_kind clp_body_kind_found(clp_body_kind declared, const char *p, apr_size_t n);

typedef struct clp_reader_options {
    clp_body_kind body;
    apr_size_t max_event;     /**< bytes of one event or document; over it = PROBLEM */
    const clp_traits *traits; /**< of the channel */
    apr_table_t
        *names;  /**< tool names as the upstream knows them -> as the client does; may be NULL */
    int passive; /**< passthrough: nobody writes from the events */
} clp_reader_options;

/**
 * Reads an answer. feed() and finish() push events into the sink before they
 * return. A reader always ends with exactly one FINISH or PROBLEM: an answer
 * that is not complete at its end gives a PROBLEM (CLP_BAD_GATEWAY), never a
 * FINISH. After either, further bytes are ignored.
 */
struct clp_reader {
    void (*feed)(clp_reader *r, const char *p, apr_size_t n);
    void (*finish)(clp_reader *r, clp_ending how);
};

/**
 * Who keeps the reasoning behind calls for clients of Chat, which do not: without it Claude
 * goes on without thinking, and OpenAI without its reasoning.
 */
typedef struct clp_call_memo {
    /** Told before the client can know of the call. `envelope` lives during the call only. */
    void (*note)(void *ctx, const char *call_id, clp_span envelope);
    void *ctx;
} clp_call_memo;

typedef struct clp_writer_options {
    int stream;           /**< 1: a stream of events; 0: one document */
    int array;            /**< Gemini: the stream is one JSON array */
    const char *model;    /**< name to give as the answer's model; NULL = the upstream's */
    int include_usage;    /**< Chat streams: end with a usage chunk */
    int legacy_functions; /**< Chat: function_call instead of tool_calls */
    apr_int64_t created;  /**< Unix seconds for `created` members */
    apr_int64_t
        input_estimate; /**< tokens, for a Messages stream that begins before usage is known */
    const char *id;     /**< 24 unguessable characters for ids that the upstream's do not fit */
    const clp_envelope_key *envelope_key; /**< NULL = foreign reasoning state is left out */
    const clp_call_memo *memo;            /**< Chat: NULL = nobody keeps it */
    const clp_conversation *request; /**< what is answered; NULL if it was not read (passthrough) */
} clp_writer_options;

/**
 * Turns events into the client's bytes, appended to the buffer it was opened
 * with. A document writer appends all at FINISH. For PROBLEM a stream writer
 * appends the in-stream error; a document writer appends the error document
 * (the caller sets the status by problem_status).
 */
struct clp_writer {
    void (*put)(clp_writer *w, const clp_event *event);
};

typedef struct clp_dialect {
    const char *name; /**< "messages", "chat", "chat_legacy", "responses", "gemini" */

    /** How JSON paths are spelled in messages of this protocol. */
    clp_json_path_style path_style;

    /**
     * Look over a request body: is it JSON within the limits, what model, stream or
     * not, who asks. Validates the whole body, records only its top level. The
     * types of what it looks at are checked; duplicate `model` or `messages`
     * are refused.
     * @param out zeroed and filled; points into body and pool
     */
    clp_problem *(*sniff)(clp_sniffed *out, clp_span body, const clp_intake *intake,
                          apr_pool_t *pool);

    /**
     * Read a request whose sniff succeeded. Problems name the JSON path.
     * The body must outlive the conversation.
     */
    clp_problem *(*read_request)(clp_conversation **out, clp_span body, const clp_intake *intake,
                                 apr_pool_t *pool);

    /**
     * Write the request for an upstream of this dialect. Deterministic: the
     * same conversation and target give the same bytes, key order included.
     * @param names out: table upstream tool name -> client's, for those that
     *        had to change; set to NULL if none did
     */
    clp_problem *(*write_request)(const clp_conversation *c, const clp_target *target,
                                  clp_buffer *out, apr_table_t **names, apr_pool_t *pool);

    /** A reader that pushes into `sink` (whose ctx must outlive the reader). */
    clp_reader *(*open_reader)(const clp_reader_options *options, clp_sink sink, apr_pool_t *pool);

    /** A writer that appends to `out`. Feed it only through a guard. */
    clp_writer *(*open_writer)(const clp_writer_options *options, clp_buffer *out,
                               apr_pool_t *pool);

    /**
     * What an upstream's error answer means. Never NULL: a body that is not
     * this dialect's error still gives a problem, from the status and a clean
     * excerpt of the text.
     * @param status the HTTP status; for an error inside a 200 answer, 200
     */
    clp_problem *(*read_problem)(int status, clp_span body, apr_pool_t *pool);

    /** Append a problem as this dialect's error document. */
    void (*write_problem)(const clp_problem *p, clp_buffer *out);

    /** The HTTP status this dialect gives to the problem. */
    int (*problem_status)(const clp_problem *p);

    /**
     * The number in an answer of the protocol's endpoint that counts the tokens of a request
     * (clp_target's `counting`), or -1 if there is none in it. NULL = no such endpoint.
     */
    apr_int64_t (*read_count)(clp_jval answer);

    /** Append such an answer. NULL where read_count is. */
    void (*write_count)(apr_int64_t tokens, clp_buffer *out);

    /** Bytes that keep an idle stream alive; NULL if the dialect has none. */
    const char *keepalive;

    /** Clients may take an error at a stream's end for nothing: the connection has to break too. */
    int breaks_off;
} clp_dialect;

extern const clp_dialect clp_dialect_messages;
extern const clp_dialect clp_dialect_chat;
extern const clp_dialect clp_dialect_chat_legacy;
extern const clp_dialect clp_dialect_responses;
extern const clp_dialect clp_dialect_gemini;

/** The legacy /v1/completions: for clients only, so it has no write_request and no
 * open_reader, and is not among clp_dialects. */
extern const clp_dialect clp_dialect_completions;

/** All dialects that are client's and upstream's, NULL behind the last. */
extern const clp_dialect *const clp_dialects[];

/**
 * The body with another model name in place of the sniffed one, appended to
 * `out`. Every other byte stays as it was; a body without a model stays whole.
 */
void clp_dialect_splice_model(clp_buffer *out, clp_span body, const clp_sniffed *sniffed,
                              const char *model);

/**
 * The body of a request that goes to its own provider, without reasoning that
 * clients got from us in envelopes: it is another provider's, and an error to
 * this one. A call of Gemini's, which needs a signature, gets Google's mark. All
 * other bytes stay, but for white space around what is changed. Cheap where
 * there is none.
 * @return 0 if nothing had to be left out (nothing is appended)
 */
int clp_dialect_drop_foreign(clp_buffer *out, clp_span body, const clp_dialect *dialect,
                             apr_pool_t *pool);

#endif
