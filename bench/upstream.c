/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */

/*
 * The benchmark's upstream: answers every request with a text that was made at start-up, so
 * that what is measured is what stands in front of it. One thread, epoll, kept connections.
 *
 *   upstream PORT        listens on 127.0.0.1; PORT 0 = any, the number goes to stdout
 *
 * The path chooses the protocol (/v1/messages, /v1/chat/completions, /v1/responses,
 * models/M:generateContent), words in the request's body or path the answer:
 *
 *   "stream":true    a stream of 200 chunks, in writes of up to 16 KB; else a document of 512 bytes;
 *   :stream          the same for Gemini, whose path tells it
 *   bench-drip       a stream whose every event is a write of its own
 *   bench-hold       the answer comes half a second late, so that requests pile up
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define CHUNKS      200
#define CHUNK_TEXT  32
#define REPLY_TEXT  512
#define WRITE_SIZE  (16 * 1024)
#define READ_SIZE   (256 * 1024)
#define HOLD_MS     500
#define MAX_CLIENTS 4096

/* An answer and where its writes end. */
typedef struct answer {
    char *bytes;
    size_t n;
    size_t *ends;
    size_t count;
} answer;

typedef struct client {
    int fd;
    char *in;
    size_t n;
    size_t room;
    const answer *out; /* being sent, or held back */
    size_t sent;
    size_t write; /* index into out->ends */
    int64_t due;  /* held back until then; 0 = not */
} client;

enum { MESSAGES, CHAT, RESPONSES, GEMINI, PROTOCOLS };

static answer documents[PROTOCOLS], streams[PROTOCOLS], drips[PROTOCOLS];
static client *clients[MAX_CLIENTS];
static int poller;
static int held;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *grow(void *p, size_t n)
{
    void *q = realloc(p, n);
    if (!q) {
        die("realloc");
    }
    return q;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- answers ------------------------------------------------------------------- */

static void add(answer *a, const char *p, size_t n)
{
    a->bytes = grow(a->bytes, a->n + n + 1);
    memcpy(a->bytes + a->n, p, n);
    a->n += n;
    a->bytes[a->n] = '\0';
}

static void __attribute__((format(printf, 2, 3))) addf(answer *a, const char *format, ...)
{
    char line[4096];
    va_list args;
    int n;
    va_start(args, format);
    n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    add(a, line, (size_t)n);
}

static void end_write(answer *a)
{
    a->ends = grow(a->ends, (a->count + 1) * sizeof(*a->ends));
    a->ends[a->count++] = a->n;
}

/* Words that name the protocol: who reads the end of the way can tell which upstream served. */
static void fill(char *text, size_t n, int protocol)
{
    static const char *const words[PROTOCOLS] = {
        [MESSAGES] = "messages upstream says ",
        [CHAT] = "chat upstream says ",
        [RESPONSES] = "responses upstream says ",
        [GEMINI] = "gemini upstream says ",
    };
    size_t length = strlen(words[protocol]);
    for (size_t i = 0; i < n; i++) {
        text[i] = words[protocol][i % length];
    }
    text[n] = '\0';
}

#define RESPONSE                                                                                   \
    "\"id\":\"resp_bench\",\"object\":\"response\",\"created_at\":1700000000,\"model\":\"bench\"," \
    "\"error\":null,\"incomplete_details\":null,\"tools\":[],\"tool_choice\":\"auto\","            \
    "\"parallel_tool_calls\":true,\"metadata\":{},\"instructions\":null,\"temperature\":1.0,"      \
    "\"top_p\":1.0,\"store\":false,"
#define OUTPUT                                                                                     \
    "{\"id\":\"msg_bench\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\","  \
    "\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"%s\"}]}"
#define RESPONSE_USAGE                                                                             \
    "\"usage\":{\"input_tokens\":250,\"input_tokens_details\":{\"cached_tokens\":0},"              \
    "\"output_tokens\":128,\"output_tokens_details\":{\"reasoning_tokens\":0},"                    \
    "\"total_tokens\":378}"
#define GEMINI_END                                                                                 \
    ",\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":250,"        \
    "\"candidatesTokenCount\":128,\"totalTokenCount\":378},\"modelVersion\":\"bench\","            \
    "\"responseId\":\"bench\"}"

static void make_document(answer *a, int protocol)
{
    char text[REPLY_TEXT + 1];
    answer body = {0};

    fill(text, REPLY_TEXT, protocol);
    if (protocol == RESPONSES) {
        addf(&body,
             "{" RESPONSE "\"status\":\"completed\",\"output\":[" OUTPUT "]," RESPONSE_USAGE "}",
             text);
    }
    else if (protocol == GEMINI) {
        addf(&body,
             "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"%s\"}]"
             "}" GEMINI_END,
             text);
    }
    else if (protocol == MESSAGES) {
        addf(&body,
             "{\"id\":\"msg_01bench\",\"type\":\"message\",\"role\":\"assistant\","
             "\"model\":\"bench\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],"
             "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
             "\"usage\":{\"input_tokens\":250,\"output_tokens\":128}}",
             text);
    }
    else {
        addf(&body,
             "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,"
             "\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"%s\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":250,"
             "\"completion_tokens\":128,\"total_tokens\":378}}",
             text);
    }
    addf(a, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
         body.n);
    add(a, body.bytes, body.n);
    end_write(a);
    free(body.bytes);
}

static int make_gemini_event(answer *a, const char *text, int i)
{
    if (i < CHUNKS) {
        addf(a,
             "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":"
             "\"%s\"}]},\"index\":0}],\"modelVersion\":\"bench\",\"responseId\":\"bench\"}\r\n\r\n",
             text);
    }
    else if (i == CHUNKS) {
        addf(a, "data: "
                "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]"
                "}" GEMINI_END "\r\n\r\n");
    }
    return i <= CHUNKS;
}

static void add_response_event(answer *a, const char *type, int number, const char *rest)
{
    addf(a, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%d,", type, type, number);
    add(a, rest, strlen(rest));
    addf(a, "}\n\n");
}

#define PLACE "\"item_id\":\"msg_bench\",\"output_index\":0,\"content_index\":0,"
#define PART                                                                                       \
    "\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"%s\"}"

static void begin_response(answer *a)
{
    char rest[1024];

    snprintf(rest, sizeof(rest), PLACE PART, "");
    add_response_event(a, "response.created", 0,
                       "\"response\":{" RESPONSE "\"status\":\"in_progress\",\"output\":[],"
                       "\"usage\":null}");
    add_response_event(a, "response.output_item.added", 1,
                       "\"output_index\":0,\"item\":{\"id\":\"msg_bench\",\"type\":\"message\","
                       "\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}");
    add_response_event(a, "response.content_part.added", 2, rest);
}

static void end_response(answer *a)
{
    static char text[CHUNKS * CHUNK_TEXT + 1], rest[CHUNKS * CHUNK_TEXT + 2048];

    for (int i = 0; i < CHUNKS; i++) {
        fill(text + (size_t)i * CHUNK_TEXT, CHUNK_TEXT, RESPONSES);
    }
    snprintf(rest, sizeof(rest), PLACE "\"logprobs\":[],\"text\":\"%s\"", text);
    add_response_event(a, "response.output_text.done", CHUNKS + 3, rest);
    snprintf(rest, sizeof(rest), PLACE PART, text);
    add_response_event(a, "response.content_part.done", CHUNKS + 4, rest);
    snprintf(rest, sizeof(rest), "\"output_index\":0,\"item\":" OUTPUT, text);
    add_response_event(a, "response.output_item.done", CHUNKS + 5, rest);
    snprintf(rest, sizeof(rest),
             "\"response\":{" RESPONSE "\"status\":\"completed\",\"output\":[" OUTPUT
             "]," RESPONSE_USAGE "}",
             text);
    add_response_event(a, "response.completed", CHUNKS + 6, rest);
}

static int make_response_event(answer *a, const char *text, int i)
{
    char rest[1024];

    if (i == 0) {
        begin_response(a);
    }
    if (i < CHUNKS) {
        snprintf(rest, sizeof(rest), PLACE "\"logprobs\":[],\"delta\":\"%s\"", text);
        add_response_event(a, "response.output_text.delta", i + 3, rest);
    }
    else if (i == CHUNKS) {
        end_response(a);
    }
    return i <= CHUNKS;
}

/* Event number i of a stream, or 0 behind the last. */
static int make_event(answer *a, int protocol, int i)
{
    char text[CHUNK_TEXT + 1];

    fill(text, CHUNK_TEXT, protocol);
    if (protocol == RESPONSES) {
        return make_response_event(a, text, i);
    }
    if (protocol == GEMINI) {
        return make_gemini_event(a, text, i);
    }
    if (protocol == CHAT) {
        static const char head[] = "data: {\"id\":\"chatcmpl-bench\",\"object\":"
                                   "\"chat.completion.chunk\",\"created\":1700000000,"
                                   "\"model\":\"bench\",\"choices\":";
        if (i < CHUNKS) {
            addf(a,
                 "%s[{\"index\":0,\"delta\":{%s\"content\":\"%s\"},\"finish_reason\":null}]}\n\n",
                 head, i ? "" : "\"role\":\"assistant\",", text);
        }
        else if (i == CHUNKS) {
            addf(a, "%s[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", head);
        }
        else if (i == CHUNKS + 1) {
            addf(a,
                 "%s[],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":200,"
                 "\"total_tokens\":450}}\n\ndata: [DONE]\n\n",
                 head);
        }
        return i <= CHUNKS + 1;
    }
    if (i == 0) {
        addf(a, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":"
                "\"msg_01bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\","
                "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
                "{\"input_tokens\":250,\"output_tokens\":1}}}\n\n"
                "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
                "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    }
    if (i < CHUNKS) {
        addf(a,
             "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
             "\"delta\":{\"type\":\"text_delta\",\"text\":\"%s\"}}\n\n",
             text);
    }
    else if (i == CHUNKS) {
        addf(a,
             "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
             "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
             "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":200}}\n\n"
             "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
    return i <= CHUNKS;
}

/* One HTTP chunk for each write. */
static void make_stream(answer *a, int protocol, size_t write_size)
{
    answer piece = {0};
    int more;

    addf(a, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
            "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0;; i++) {
        more = make_event(&piece, protocol, i);
        if (piece.n && (!more || piece.n >= write_size)) {
            addf(a, "%zx\r\n", piece.n);
            add(a, piece.bytes, piece.n);
            addf(a, "\r\n");
            end_write(a);
            piece.n = 0;
        }
        if (!more) {
            break;
        }
    }
    addf(a, "0\r\n\r\n");
    end_write(a);
    free(piece.bytes);
}

/* --- requests -------------------------------------------------------------------- */

static void drop(client *c)
{
    held -= c->due != 0;
    clients[c->fd] = NULL;
    close(c->fd);
    free(c->in);
    free(c);
}

static void watch(client *c, int operation, uint32_t events)
{
    struct epoll_event e = {.events = events, .data = {.fd = c->fd}};
    if (epoll_ctl(poller, operation, c->fd, &e)) {
        die("epoll_ctl");
    }
}

/* Length of the first whole request in the buffer; 0 = not there yet, -1 = not ours to serve. */
static long request_length(const client *c, const char **body)
{
    const char *head_end = memmem(c->in, c->n, "\r\n\r\n", 4);
    size_t length = 0;

    if (!head_end) {
        return c->n > 64 * 1024 ? -1 : 0;
    }
    *body = head_end + 4;
    for (const char *line = memchr(c->in, '\n', (size_t)(head_end - c->in));
         line && line < head_end; line = memchr(line + 1, '\n', (size_t)(head_end - line - 1))) {
        if (!strncasecmp(line + 1, "content-length:", 15)) {
            length = strtoul(line + 16, NULL, 10);
        }
        if (!strncasecmp(line + 1, "transfer-encoding:", 18)) {
            return -1;
        }
    }
    length += (size_t)(*body - c->in);
    return c->n < length ? 0 : (long)length;
}

static int holds(const char *p, size_t n, const char *word)
{
    return memmem(p, n, word, strlen(word)) != NULL;
}

static const answer *choose(const char *head, const char *body, size_t n, int *hold)
{
    size_t line = strcspn(head, "\r");
    int protocol = holds(head, line, "/chat/completions") ? CHAT
                   : holds(head, line, "/responses")      ? RESPONSES
                   : holds(head, line, "enerateContent")  ? GEMINI
                                                          : MESSAGES;

    *hold = holds(head, line, "bench-hold") || holds(body, n, "bench-hold");
    if (!holds(head, line, ":stream") && !holds(body, n, "\"stream\":true")) {
        return &documents[protocol];
    }
    return holds(head, line, "bench-drip") || holds(body, n, "bench-drip") ? &drips[protocol]
                                                                           : &streams[protocol];
}

/* Send what can be sent; 0 = the client is gone. */
static int push(client *c)
{
    while (c->sent < c->out->n) {
        ssize_t n =
            send(c->fd, c->out->bytes + c->sent, c->out->ends[c->write] - c->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN) {
                return 0;
            }
            watch(c, EPOLL_CTL_MOD, EPOLLOUT);
            return 1;
        }
        c->sent += (size_t)n;
        c->write += c->sent == c->out->ends[c->write];
    }
    c->out = NULL;
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
    return 1;
}

/* Answer the request at the head of the buffer, if it is whole; 0 = drop the client. */
static int serve(client *c)
{
    const char *body;
    long length = request_length(c, &body);
    int hold;

    if (length <= 0) {
        return length == 0;
    }
    c->out = choose(c->in, body, (size_t)length - (size_t)(body - c->in), &hold);
    c->sent = 0;
    c->write = 0;
    c->n -= (size_t)length;
    memmove(c->in, c->in + length, c->n);
    if (hold) {
        c->due = now_ms() + HOLD_MS;
        held++;
        return 1;
    }
    return push(c);
}

static int pull(client *c)
{
    ssize_t n;

    if (c->room - c->n < READ_SIZE) {
        c->room = c->room * 2 + 2 * READ_SIZE;
        c->in = grow(c->in, c->room);
    }
    n = recv(c->fd, c->in + c->n, c->room - c->n - 1, 0);
    if (n <= 0) {
        return n < 0 && errno == EAGAIN;
    }
    c->n += (size_t)n;
    c->in[c->n] = '\0';
    return c->out ? 1 : serve(c);
}

static void release_held(void)
{
    int64_t now = now_ms();
    for (int fd = 0; held && fd < MAX_CLIENTS; fd++) {
        client *c = clients[fd];
        if (c && c->due && c->due <= now) {
            c->due = 0;
            held--;
            if (!push(c)) {
                drop(c);
            }
        }
    }
}

static void welcome(int listener)
{
    int one = 1;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        client *c;
        if (fd >= MAX_CLIENTS || !(c = calloc(1, sizeof(*c)))) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        c->fd = fd;
        clients[fd] = c;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof(address);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&address, &size)) {
        die("listen");
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[64];
    struct epoll_event e = {.events = EPOLLIN};
    int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);

    for (int protocol = 0; protocol < PROTOCOLS; protocol++) {
        make_document(&documents[protocol], protocol);
        make_stream(&streams[protocol], protocol, WRITE_SIZE);
        make_stream(&drips[protocol], protocol, 1);
    }
    poller = epoll_create1(0);
    e.data.fd = listener;
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e)) {
        die("epoll");
    }
    for (;;) {
        int n = epoll_wait(poller, events, 64, held ? 10 : -1);
        for (int i = 0; i < n; i++) {
            client *c = clients[events[i].data.fd];
            if (events[i].data.fd == listener) {
                welcome(listener);
            }
            else if (c && !(events[i].events & EPOLLOUT ? push(c) : pull(c))) {
                drop(c);
            }
        }
        if (held) {
            release_held();
        }
    }
}
