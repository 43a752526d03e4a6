/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/verdict.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sched/channel.h"

/* A row of verdicts.def. */
typedef struct verdict_row {
    const char *statuses;
    const char *classes;
    const char *dialect;
    const char *words;
    const char *texts;
    clp_judgement judgement;
} verdict_row;

static const verdict_row rows[] = {
#define ROW(statuses, classes, dialect, words, texts, verdict, fault, why)                         \
    {statuses, classes, dialect, words, texts, {CLP_VERDICT_##verdict, CLP_FAULT_##fault, why}},
#include "verdicts.def"
#undef ROW
};

/* Numbers and ranges, as "401-403 429". */
static int status_fits(const char *statuses, int status)
{
    const char *p = statuses;
    while (*p) {
        char *end;
        long from = strtol(p, &end, 10);
        long to = *end == '-' ? strtol(end + 1, &end, 10) : from;
        if (status >= from && status <= to) {
            return 1;
        }
        p = *end ? end + 1 : end;
    }
    return !*statuses;
}

/* The next of a list's items; what is left of the list. */
static const char *next_item(const char *list, char sep, clp_span *item)
{
    const char *end = strchr(list, sep);
    apr_size_t n = end ? (apr_size_t)(end - list) : strlen(list);
    *item = clp_span_of(list, n);
    return list + n + (end != NULL);
}

static int is_one_of(const char *list, char sep, const char *word)
{
    clp_span item;
    while (word && *list) {
        list = next_item(list, sep, &item);
        if (strlen(word) == item.n && !strncasecmp(word, item.p, item.n)) {
            return 1;
        }
    }
    return 0;
}

/* Does the text begin with the piece, the case of letters aside? */
static int begins(const char *text, clp_span piece)
{
    return !strncasecmp(text, piece.p, piece.n);
}

/*
 * Is what stands between the pattern's stars in the text, in this order? Taking each piece at the
 * first place it is found never spoils the rest, so there is nothing to try twice.
 */
static int text_holds(const char *text, clp_span pattern)
{
    while (pattern.n) {
        const char *star = memchr(pattern.p, '*', pattern.n);
        clp_span piece = clp_span_of(pattern.p, star ? (apr_size_t)(star - pattern.p) : pattern.n);
        while (*text && !begins(text, piece)) {
            text++;
        }
        if (!*text && piece.n) {
            return 0;
        }
        text += piece.n;
        pattern.p += piece.n + (star != NULL);
        pattern.n -= piece.n + (star != NULL);
    }
    return 1;
}

/* The words of a refused key and of a relay's upstream stand in the cause. */
static int told(const clp_problem *p, clp_span pattern)
{
    return text_holds(p->message, pattern) || (p->cause && text_holds(p->cause, pattern));
}

static int told_any(const clp_problem *p, const char *texts)
{
    clp_span item;
    while (*texts) {
        texts = next_item(texts, '|', &item);
        if (told(p, item)) {
            return 1;
        }
    }
    return 0;
}

/* Words and texts say the same thing in two ways: one of them is enough. */
static int says(const clp_problem *p, const verdict_row *row)
{
    return (!*row->words && !*row->texts) || is_one_of(row->words, '|', p->code) ||
           is_one_of(row->words, '|', p->type) || told_any(p, row->texts);
}

static int row_fits(const verdict_row *row, const clp_problem *p, const char *dialect)
{
    return status_fits(row->statuses, p->status) &&
           (!*row->classes || is_one_of(row->classes, ' ', clp_problem_class_name(p->cls))) &&
           (!*row->dialect || (dialect && !strcmp(row->dialect, dialect))) && says(p, row);
}

/* The last row fits everything. */
static clp_judgement by_table(const clp_problem *p, const char *dialect)
{
    const verdict_row *row = rows;
    while (!row_fits(row, p, dialect)) {
        row++;
    }
    return row->judgement;
}

static int rule_fits(const clp_verdict_rule *rule, const clp_problem *p)
{
    if (rule->status_to && (p->status < rule->status_from || p->status > rule->status_to)) {
        return 0;
    }
    if (rule->word && !(p->code && !strcasecmp(rule->word, p->code)) &&
        !(p->type && !strcasecmp(rule->word, p->type))) {
        return 0;
    }
    return !rule->text || told(p, clp_span_str(rule->text));
}

static int any_fits(const apr_array_header_t *rules, const clp_problem *p)
{
    for (int i = 0; i < rules->nelts; i++) {
        if (rule_fits(&APR_ARRAY_IDX(rules, i, clp_verdict_rule), p)) {
            return 1;
        }
    }
    return 0;
}

clp_judgement clp_judge_problem(const clp_problem *p, const clp_channel *channel)
{
    static const clp_judgement give = {CLP_VERDICT_GIVE, CLP_FAULT_NONE,
                                       "the channel says never to retry it"};
    clp_judgement j = by_table(p, channel && channel->dialect ? channel->dialect->name : NULL);
    if (!channel || !p->status) {
        return j;
    }
    if (any_fits(channel->never_retry, p)) {
        return give;
    }
    if (j.verdict == CLP_VERDICT_GIVE && any_fits(channel->retry, p)) {
        j.verdict = CLP_VERDICT_NEXT_CHANNEL;
        j.why = "the channel says to retry it";
    }
    return j;
}

clp_judgement clp_judge_transfer(clp_transfer_end how)
{
    /* What cannot even be started is about the URL, or about files that all URLs share. */
    clp_judgement j = {how == CLP_TRANSFER_FAILED ? CLP_VERDICT_NEXT_CHANNEL : CLP_VERDICT_NEXT_URL,
                       CLP_FAULT_PROVIDER, clp_transfer_end_text(how)};
    return j;
}

clp_verdict clp_verdict_of_problem(const clp_problem *p)
{
    return clp_judge_problem(p, NULL).verdict;
}

int clp_verdict_no_endpoint(const clp_problem *p)
{
    return p->cls == CLP_NOT_FOUND || p->cls == CLP_BAD_METHOD || p->cls == CLP_NOT_IMPLEMENTED;
}

/*
 * How much a problem helps the client, when all attempts failed. What it can
 * mend itself comes first, then what goes away by waiting, then what only says
 * that something broke, last what only the operator can mend.
 */
enum {
    RANK_ODD,         /* 405, 501: the gateway's set-up is wrong */
    RANK_CREDENTIALS, /* 401, 403: the gateway's key is, and that says nothing of the request */
    RANK_BILLING,     /* 402: as above, but a fact about the account that may be passed on */
    RANK_UNKNOWN,   /* 404: perhaps the model's name is wrong; a channel that broke might know it */
    RANK_UNCARRIED, /* no status: one channel's protocol cannot carry the request */
    RANK_BROKEN,    /* 5xx, transport, garbage: trying again may help */
    RANK_LATE,      /* timeouts: so may it, with a smaller request */
    RANK_BUSY,      /* rate limit or overload, no time told: it will help, later */
    RANK_BUSY_UNTIL, /* the same with a time to come back */
    RANK_CLIENT      /* the client's own fault, as an upstream sees it */
};

static int rank_of(const clp_problem *p)
{
    if (clp_verdict_of_problem(p) == CLP_VERDICT_GIVE) {
        return RANK_CLIENT;
    }
    switch (p->cls) {
    case CLP_RATE_LIMITED:
    case CLP_OVERLOADED: return p->retry_after_ms >= 0 ? RANK_BUSY_UNTIL : RANK_BUSY;
    case CLP_TIMED_OUT: return RANK_LATE;
    case CLP_INTERNAL:
    case CLP_BAD_GATEWAY: return RANK_BROKEN;
    case CLP_BAD_REQUEST:
    case CLP_CONTEXT_TOO_LONG:
    case CLP_TOO_LARGE:
    case CLP_UNSUPPORTED_CODING:
    case CLP_UNPROCESSABLE: return RANK_UNCARRIED;
    case CLP_NOT_FOUND: return RANK_UNKNOWN;
    case CLP_BILLING: return RANK_BILLING;
    case CLP_UNAUTHENTICATED:
    case CLP_FORBIDDEN: return RANK_CREDENTIALS;
    case CLP_CONFLICT:
    case CLP_BAD_METHOD:
    case CLP_NOT_IMPLEMENTED:
    case CLP_PROBLEM_CLASSES: break;
    }
    return RANK_ODD;
}

const clp_problem *clp_verdict_better(const clp_problem *a, const clp_problem *b)
{
    int rank_a;
    int rank_b;
    if (!a || !b) {
        return a ? a : b;
    }
    rank_a = rank_of(a);
    rank_b = rank_of(b);
    if (rank_a == RANK_BUSY_UNTIL && rank_b == rank_a) {
        return a->retry_after_ms < b->retry_after_ms ? a : b;
    }
    return rank_a > rank_b ? a : b;
}

const char *clp_verdict_name(clp_verdict v)
{
    switch (v) {
    case CLP_VERDICT_GIVE: return "give";
    case CLP_VERDICT_NEXT_KEY: return "next_key";
    case CLP_VERDICT_NEXT_URL: return "next_url";
    case CLP_VERDICT_NEXT_CHANNEL: return "next_channel";
    case CLP_VERDICT_STOP: return "stop";
    }
    return "unknown";
}
