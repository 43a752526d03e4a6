/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/tls_files.h"

#include <errno.h>
#include <stdio.h>

#include <apr_file_info.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "wire/quantity.h"

/** No passphrase is ever asked for: httpd would hang at start. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static FILE *open_file(const char *path, apr_pool_t *p, const char **wrong)
{
    apr_finfo_t info;
    FILE *file;
    char why[120];

    if (apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS && info.filetype != APR_REG) {
        *wrong = "is not a regular file";
        return NULL;
    }
    file = fopen(path, "r");
    if (!file) {
        *wrong = apr_pstrcat(p, "cannot be opened: ", apr_strerror(errno, why, sizeof(why)), NULL);
    }
    return file;
}

static X509 *read_certificate(const char *path, apr_pool_t *p, const char **wrong)
{
    FILE *file = open_file(path, p, wrong);
    X509 *certificate = NULL;

    if (file) {
        certificate = PEM_read_X509(file, NULL, no_passphrase, NULL);
        fclose(file);
        if (!certificate) {
            *wrong = "holds no certificate in PEM";
        }
    }
    ERR_clear_error();
    return certificate;
}

static EVP_PKEY *read_key(const char *path, apr_pool_t *p, const char **wrong)
{
    FILE *file = open_file(path, p, wrong);
    EVP_PKEY *key = NULL;

    if (file) {
        key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
        fclose(file);
        if (!key) {
            *wrong = "holds no private key in PEM, or one with a passphrase";
        }
    }
    ERR_clear_error();
    return key;
}

const char *clp_tls_certificate_check(const char *path, apr_pool_t *p)
{
    const char *wrong = NULL;

    X509_free(read_certificate(path, p, &wrong));
    return wrong;
}

const char *clp_tls_key_check(const char *path, apr_pool_t *p)
{
    const char *wrong = NULL;

    EVP_PKEY_free(read_key(path, p, &wrong));
    return wrong;
}

const char *clp_tls_pair_check(const char *cert, const char *key, apr_pool_t *p)
{
    const char *wrong = NULL;
    X509 *certificate = read_certificate(cert, p, &wrong);
    EVP_PKEY *private_key = read_key(key, p, &wrong);

    if (certificate && private_key && X509_check_private_key(certificate, private_key) != 1) {
        wrong = apr_pstrcat(p, "the key in ", key, " does not belong to the certificate in ", cert,
                            NULL);
    }
    X509_free(certificate);
    EVP_PKEY_free(private_key);
    ERR_clear_error();
    return wrong;
}

const char *clp_tls_directory_check(const char *path, apr_pool_t *p)
{
    apr_dir_t *dir;
    apr_status_t rv = apr_dir_open(&dir, path, p);
    char why[120];

    if (rv != APR_SUCCESS) {
        return apr_pstrcat(p, "cannot be listed: ", apr_strerror(rv, why, sizeof(why)), NULL);
    }
    apr_dir_close(dir);
    return NULL;
}

const char *clp_proxy_check(const char *url, apr_pool_t *p)
{
    static const char *const schemes[] = {"http", "https", "socks5", "socks5h", NULL};
    apr_uri_t uri;
    apr_int64_t port;
    int i = 0;

    if (strstr(url, "${")) {
        return "the variable is not defined (Define, or the environment of httpd)";
    }
    for (const unsigned char *c = (const unsigned char *)url; *c; c++) {
        if (*c <= 0x20 || *c >= 0x7f) {
            return "the URL holds a blank or a character that is not visible ASCII";
        }
    }
    if (apr_uri_parse(p, url, &uri) != APR_SUCCESS || !uri.scheme) {
        return "not a URL: write scheme://host:port, or Off";
    }
    while (schemes[i] && strcasecmp(uri.scheme, schemes[i]) != 0) {
        i++;
    }
    if (!schemes[i]) {
        return "the scheme is not http, https, socks5 or socks5h";
    }
    if (!uri.hostname || !*uri.hostname) {
        return "there is no host";
    }
    if (uri.port_str && (!clp_count_parse(uri.port_str, &port) || port < 1 || port > 65535)) {
        return "the port is not a number from 1 to 65535";
    }
    if ((uri.path && strcmp(uri.path, "/") != 0) || uri.query || uri.fragment) {
        return "the URL of a proxy has no path and no query";
    }
    return NULL;
}

const char *clp_proxy_shown(const char *url, apr_pool_t *p)
{
    const char *from = strstr(url, "://");
    const char *at = strrchr(url, '@');
    const char *colon =
        from && at && from < at ? memchr(from + 3, ':', (apr_size_t)(at - from - 3)) : NULL;

    if (!at) {
        return url;
    }
    if (!colon) {
        return from ? url : "********";
    }
    return apr_pstrcat(p, apr_pstrmemdup(p, url, (apr_size_t)(colon - url)), ":********", at, NULL);
}
