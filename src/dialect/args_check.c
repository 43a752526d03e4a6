/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "args_check.h"

/* Places in RFC 8259's grammar: what may come next. */
enum step {
    WANT_VALUE,        /* a value */
    WANT_VALUE_OR_END, /* a value, or the end of an empty array */
    WANT_KEY,          /* a name, behind a comma */
    WANT_KEY_OR_END,   /* a name, or the end of an empty object */
    WANT_COLON,
    WANT_COMMA, /* a comma or an end */
    IN_KEY,
    IN_KEY_ESCAPE,
    IN_STRING,
    IN_STRING_ESCAPE,
    IN_WORD,
    NUM_MINUS, /* what of a number has been seen */
    NUM_ZERO,
    NUM_INT,
    NUM_DOT,
    NUM_FRACTION,
    NUM_E,
    NUM_E_SIGN,
    NUM_E_DIGITS
};

void clp_args_check_init(clp_args_check *c)
{
    memset(c, 0, sizeof(*c));
}

static int is_blank(int ch)
{
    return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r';
}

static int is_digit(int ch)
{
    return ch >= '0' && ch <= '9';
}

static int is_hex(int ch)
{
    return is_digit(ch) || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
}

static int in_array(const clp_args_check *c)
{
    return c->arrays[c->depth >> 3] >> (c->depth & 7) & 1;
}

static int nest(clp_args_check *c, int array)
{
    if (c->depth >= CLP_ARGS_DEPTH) {
        return 0;
    }
    c->depth++;
    unsigned char bit = (unsigned char)(1 << (c->depth & 7));
    if (array) {
        c->arrays[c->depth >> 3] |= bit;
    }
    else {
        c->arrays[c->depth >> 3] &= (unsigned char)~bit;
    }
    c->step = array ? WANT_VALUE_OR_END : WANT_KEY_OR_END;
    return 1;
}

static int leave(clp_args_check *c, int array)
{
    if (in_array(c) != array) {
        return 0;
    }
    c->depth--;
    c->step = WANT_COMMA;
    if (c->depth == 0) {
        c->state = CLP_ARGS_COMPLETE;
    }
    return 1;
}

static int begin_word(clp_args_check *c, const char *rest)
{
    c->word = rest;
    c->step = IN_WORD;
    return 1;
}

static int begin_value(clp_args_check *c, int ch)
{
    switch (ch) {
    case '{': return nest(c, 0);
    case '[': return nest(c, 1);
    case '"': c->step = IN_STRING; return 1;
    case 't': return begin_word(c, "rue");
    case 'f': return begin_word(c, "alse");
    case 'n': return begin_word(c, "ull");
    case '-': c->step = NUM_MINUS; return 1;
    case '0': c->step = NUM_ZERO; return 1;
    default: c->step = NUM_INT; return is_digit(ch);
    }
}

static int behind_value(clp_args_check *c, int ch)
{
    if (ch == ',') {
        c->step = in_array(c) ? WANT_VALUE : WANT_KEY;
        return 1;
    }
    return ch == '}' ? leave(c, 0) : ch == ']' && leave(c, 1);
}

/* 1 taken, 0 wrong, -1 the number has ended before this character */
static int follow_number(clp_args_check *c, int ch)
{
    switch (c->step) {
    case NUM_MINUS: c->step = ch == '0' ? NUM_ZERO : NUM_INT; return is_digit(ch);
    case NUM_INT:
        if (is_digit(ch)) {
            return 1;
        }
        break;
    case NUM_ZERO: break;
    case NUM_DOT: c->step = NUM_FRACTION; return is_digit(ch);
    case NUM_FRACTION:
        if (is_digit(ch)) {
            return 1;
        }
        break;
    case NUM_E:
        c->step = is_digit(ch) ? NUM_E_DIGITS : NUM_E_SIGN;
        return is_digit(ch) || ch == '+' || ch == '-';
    case NUM_E_SIGN: c->step = NUM_E_DIGITS; return is_digit(ch);
    default:
        if (is_digit(ch)) {
            return 1;
        }
        return -1;
    }
    if (ch == '.' && c->step != NUM_FRACTION) {
        c->step = NUM_DOT;
        return 1;
    }
    if (ch == 'e' || ch == 'E') {
        c->step = NUM_E;
        return 1;
    }
    return -1;
}

static int follow_escape(clp_args_check *c, int ch)
{
    if (c->hex) {
        c->hex--;
        if (c->hex == 0) {
            c->step = c->step == IN_KEY_ESCAPE ? IN_KEY : IN_STRING;
        }
        return is_hex(ch);
    }
    if (ch == 'u') {
        c->hex = 4;
        return 1;
    }
    c->step = c->step == IN_KEY_ESCAPE ? IN_KEY : IN_STRING;
    return ch > 0 && strchr("\"\\/bfnrt", ch) != NULL;
}

/* One character of the arguments; -1 is any that is not ASCII. */
static int follow(clp_args_check *c, int ch)
{
    switch (c->step) {
    case IN_KEY:
    case IN_STRING:
        if (ch == '"') {
            c->step = c->step == IN_KEY ? WANT_COLON : WANT_COMMA;
        }
        else if (ch == '\\') {
            c->step = c->step == IN_KEY ? IN_KEY_ESCAPE : IN_STRING_ESCAPE;
        }
        return 1;
    case IN_KEY_ESCAPE:
    case IN_STRING_ESCAPE: return follow_escape(c, ch);
    case IN_WORD:
        if (ch != *c->word) {
            return 0;
        }
        if (*++c->word == '\0') {
            c->step = WANT_COMMA;
        }
        return 1;
    default: break;
    }
    if (c->step >= NUM_MINUS) {
        int taken = follow_number(c, ch);
        if (taken >= 0) {
            return taken;
        }
        c->step = WANT_COMMA;
    }
    if (is_blank(ch)) {
        return 1;
    }
    switch (c->step) {
    case WANT_VALUE_OR_END:
        if (ch == ']') {
            return leave(c, 1);
        }
        return begin_value(c, ch);
    case WANT_VALUE: return begin_value(c, ch);
    case WANT_KEY_OR_END:
        if (ch == '}') {
            return leave(c, 0);
        }
        c->step = IN_KEY;
        return ch == '"';
    case WANT_KEY: c->step = IN_KEY; return ch == '"';
    case WANT_COLON: c->step = WANT_VALUE; return ch == ':';
    default: return behind_value(c, ch);
    }
}

static int in_string(const clp_args_check *c)
{
    return c->step == IN_KEY || c->step == IN_STRING;
}

static int hex_value(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int d = (unsigned char)p[i];
        v = v * 16 + (d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
    }
    return v;
}

/* Decode one character of the outer string; `*p` moves behind it. */
static int decode(const char **p)
{
    const char *s = *p;
    if (*s != '\\') {
        *p = s + 1;
        return (unsigned char)*s < 0x80 ? *s : -1;
    }
    *p = s + 2;
    switch (s[1]) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': {
        int v = hex_value(s + 2);
        *p = s + 6;
        return v < 0x80 ? v : -1;
    }
    default: return s[1];
    }
}

/* A control character as an escape of the inner JSON, spelled for the outer. */
static void respell(clp_buffer *out, int ch)
{
    switch (ch) {
    case '\b': clp_buffer_lit(out, "\\\\b"); break;
    case '\f': clp_buffer_lit(out, "\\\\f"); break;
    case '\n': clp_buffer_lit(out, "\\\\n"); break;
    case '\r': clp_buffer_lit(out, "\\\\r"); break;
    case '\t': clp_buffer_lit(out, "\\\\t"); break;
    default: clp_buffer_printf(out, "\\\\u%04x", (unsigned)ch); break;
    }
}

static void first(clp_args_check *c, int ch)
{
    if (ch == '{') {
        c->state = CLP_ARGS_OPEN;
        nest(c, 0);
    }
    else if (!is_blank(ch)) {
        c->state = CLP_ARGS_OTHER;
    }
}

clp_span clp_args_check_pass(clp_args_check *c, clp_span escaped, clp_buffer *scratch)
{
    const char *p = escaped.p, *end = p + escaped.n, *from = p;
    int respelled = 0;
    while (p < end && c->state < CLP_ARGS_OTHER) {
        if (c->state == CLP_ARGS_OPEN && in_string(c)) {
            /* inside a string only an escape of the outer one can mean anything */
            const char *stop = memchr(p, '\\', (apr_size_t)(end - p));
            if (!stop) {
                break;
            }
            p = stop;
        }
        const char *at = p;
        int ch = decode(&p);
        if (c->state == CLP_ARGS_BLANK) {
            first(c, ch);
        }
        else if (c->state == CLP_ARGS_COMPLETE) {
            if (!is_blank(ch)) {
                c->state = CLP_ARGS_BROKEN;
            }
        }
        else if (in_string(c) && ch >= 0 && ch < 0x20) {
            if (!respelled) {
                clp_buffer_clear(scratch);
                respelled = 1;
            }
            clp_buffer_append(scratch, from, (apr_size_t)(at - from));
            respell(scratch, ch);
            from = p;
        }
        else if (!follow(c, ch)) {
            c->state = CLP_ARGS_BROKEN;
        }
    }
    if (!respelled) {
        return escaped;
    }
    clp_buffer_append(scratch, from, (apr_size_t)(end - from));
    return clp_buffer_all(scratch);
}
