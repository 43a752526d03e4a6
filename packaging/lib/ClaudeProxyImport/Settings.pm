# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeProxyImport::Settings;

=head1 NAME

ClaudeProxyImport::Settings - the variables of claude-proxy, as directives

=cut

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Encode qw(encode);
use Exporter 'import';

use ClaudeProxyImport::Report qw(remark shown);

our @EXPORT_OK = qw(timeout breaker host_lines port access_keys remark_others);

my $default_port = 3000;
my $default_access_key = 'your-proxy-access-key';

sub env_number {
    my ($env, $name, $pattern) = @_;
    my $value = $env->{$name} // '';
    return if $value eq '';
    return $value if $value =~ /^(?:$pattern)$/;
    remark($name, 'its value is not a number; claude-proxy took its default, and so is done here.');
    return;
}

# Times for ChannelTimeout.
sub timeout {
    my ($env) = @_;
    my $header = env_number($env, 'RESPONSE_HEADER_TIMEOUT', '\d{1,9}');
    my $total = env_number($env, 'REQUEST_TIMEOUT', '\d{1,12}');
    if (defined $header) {
        $header = $header < 30 ? 30 : $header > 120 ? 120 : $header;
        remark('RESPONSE_HEADER_TIMEOUT', "is ChannelTimeout first-byte=${header}s, which waits for the first byte of the answer's "
            . 'body. Answers that are not streamed begin when they are complete: raise it if those are cut off.');
    }
    remark('REQUEST_TIMEOUT', 'was for answers that are not streamed; ChannelTimeout total= would cut streams as well. '
        . ($total && !defined $header ? 'It is ChannelTimeout first-byte= here.' : 'It is left out: first-byte= and idle= of '
            . 'ChannelTimeout (300 s each unless told) bound a request that hangs.')) if defined $total;
    remark('RESPONSE_HEADER_TIMEOUT', 'claude-proxy gave a provider up that sent no header for 60 s; here it has 300 s, since long '
        . 'answers that are not streamed take that. ChannelTimeout first-byte= shortens it.') if !defined $header && !defined $total;
    return defined $header ? "first-byte=${header}s" : $total ? "first-byte=${total}ms" : '';
}

# Words of ChannelBreaker; none where the rule is the default of both programs.
sub breaker {
    my ($env) = @_;
    my $window = env_number($env, 'METRICS_WINDOW_SIZE', '\d{1,9}') // 10;
    my $rate = env_number($env, 'METRICS_FAILURE_THRESHOLD', '\d{1,3}(?:\.\d*)?|\.\d+') // 0.5;
    $window = 3 if $window < 3;
    $rate = 0.5 if $rate <= 0 || $rate > 1;
    if ($window > 32) {
        remark('METRICS_WINDOW_SIZE', 'is 32 at most here.');
        $window = 32;
    }
    my $min = $window < 6 ? 3 : int $window / 2;
    my $percent = int($rate * 100 + 0.5) || 1;
    return $window == 10 && $percent == 50 ? '' : "window=$window min=$min percent=$percent open=15m";
}

# Lines of the virtual host.
sub host_lines {
    my ($env) = @_;
    my @lines;
    my %levels = map { $_ => 1 } qw(error warn info debug);
    push @lines, "LogLevel claude_proxy:$env->{LOG_LEVEL}" if $levels{ $env->{LOG_LEVEL} // '' };
    my $mb = env_number($env, 'MAX_REQUEST_BODY_SIZE_MB', '\d{1,9}') // 50;
    if ($mb < 1 || $mb > 1024) {
        remark('MAX_REQUEST_BODY_SIZE_MB', 'has to be from 1 to 1024 here.');
        $mb = $mb < 1 ? 1 : 1024;
    }
    push @lines, "ClaudeMaxRequestBody ${mb}m";
    push @lines, "ClaudeMaxDecodedBody ${mb}m" if $mb > 64;
    return @lines, cors_lines($env);
}

sub cors_lines {
    my ($env) = @_;
    my $origin = $env->{CORS_ORIGIN} // '';
    return if ($env->{ENABLE_CORS} // '') eq 'false';
    return "ClaudeCORSOrigin $origin" if $origin =~ m{^(?:\*|https?://[A-Za-z0-9.-]+(?::\d{1,5})?)$};
    if (length $origin) {
        remark('CORS_ORIGIN', 'is not *, nor one origin as https://app.example.org, so browsers refused it. It is left out; name '
            . 'origins with ClaudeCORSOrigin.');
    }
    else {
        remark('CORS_ORIGIN', 'is not set, and claude-proxy then let pages of any site (ENV=development: of any localhost) use it. Here '
            . 'none may until ClaudeCORSOrigin names it.');
    }
    return;
}

my $statistics = 'has no equal: there is no data base of requests. The access log has channel, models and tokens of each.';
my $bodies = 'has no equal here: prompts and answers are not logged. See docs/logging.md for what is.';
my $log_files = 'has no equal: logs are Apache\'s (ErrorLog, CustomLog), rotated by logrotate or rotatelogs.';
my $unused = 'was read by claude-proxy, but never enforced. MaxRequestWorkers bounds how much runs at once.';
my %env_remarks = (
    map({ $_ => $statistics } qw(METRICS_PERSISTENCE_ENABLED METRICS_RETENTION_DAYS)),
    map({ $_ => $bodies } qw(ENABLE_REQUEST_LOGS ENABLE_RESPONSE_LOGS RAW_LOG_OUTPUT SSE_DEBUG_LEVEL)),
    map({ $_ => $log_files } qw(LOG_DIR LOG_FILE LOG_MAX_SIZE LOG_MAX_BACKUPS LOG_MAX_AGE LOG_COMPRESS LOG_TO_CONSOLE)),
    map({ $_ => $unused } qw(MAX_CONCURRENT_REQUESTS ENABLE_RATE_LIMIT RATE_LIMIT_WINDOW RATE_LIMIT_MAX_REQUESTS)),
    map({ $_ => 'has no equal: /health always answers, and asks no provider.' } qw(HEALTH_CHECK_ENABLED HEALTH_CHECK_PATH)),
    map({ $_ => 'has no equal: there is no mode for development. Nothing to do.' } qw(ENV NODE_ENV)),
    QUIET_POLLING_LOGS => 'has no equal: there is no page that polls. Nothing to do.',
    AFFINITY_DEBUG => 'has no equal; LogLevel claude_proxy:debug tells most.',
    LOAD_BALANCE_STRATEGY => 'was overruled by loadBalance of config.json. Nothing to do.',
    ENABLE_WEB_UI => 'has no equal: there is no web interface. Nothing to do.',
    REWRITE_RESPONSE_MODEL => 'has no equal: converted answers always carry the name that the client asked for, passed ones the '
        . 'provider\'s. Nothing to do.',
);
my %env_used = map { $_ => 1 } qw(PROXY_ACCESS_KEY PORT LOG_LEVEL REQUEST_TIMEOUT RESPONSE_HEADER_TIMEOUT MAX_REQUEST_BODY_SIZE_MB
    ENABLE_CORS CORS_ORIGIN METRICS_WINDOW_SIZE METRICS_FAILURE_THRESHOLD);

# What has no directive, and was not remarked yet.
sub remark_others {
    my ($env) = @_;
    for my $name (sort keys %$env) {
        next if $env_used{$name} || $env->{$name} eq '';
        remark(shown($name), $env_remarks{$name} // 'is no variable that claude-proxy had up to v2.5, and is left out.');
    }
    return;
}

sub port {
    my ($env) = @_;
    my $port = env_number($env, 'PORT', '\d{1,5}') // $default_port;
    return $port >= 1 && $port <= 65_535 ? $port : $default_port;
}

# The file of clients' keys.
sub access_keys {
    my ($env) = @_;
    my $key = $env->{PROXY_ACCESS_KEY} // '';
    my $head = "# Access keys of clients: NAME sha256:HEX, a line each. See docs/auth.md.\n";
    return $head . 'claude-proxy sha256:' . sha256_hex(encode('UTF-8', $key)) . "\n" if length $key && $key ne $default_access_key;
    remark('PROXY_ACCESS_KEY', length $key
        ? 'is the well-known one of the example, and is not taken over. Nobody gets in until access.keys has a key (docs/auth.md).'
        : 'is not set; claude-proxy then had a well-known key, which is not taken over. Nobody gets in until access.keys has a key '
            . '(docs/auth.md).');
    return $head;
}

1;
