#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Distinctive secrets in every place that takes one, and then a search for them
# in all that comes out: answers, logs, dumps, status pages, /proc.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep);

my $access = 'planted-for-access-0123456789';
my %path = (messages => '/v1/messages', chat => '/v1/chat/completions');
# What of a planted secret may be seen: the mask, which never has its middle.
my $planted = qr/planted-(?:as-it-is|in-(?:the-environment|a-file|a-field)|by-a-program|for-(?:a-proxy|access))-0123456789/;
my $encoded = qr/c29tZWJvZHk6cGxhbnRlZC1mb3It/;    # "somebody:planted-for-" in Base64
my $secret = qr/$planted|$encoded/;

my %upstream = (
    literal     => [ 'x-api-key',     'planted-as-it-is-0123456789' ],
    environment => [ 'authorization', 'Bearer planted-in-the-environment-0123456789' ],
    file        => [ 'x-api-key',     'planted-in-a-file-0123456789' ],
    program     => [ 'authorization', 'Bearer planted-by-a-program-0123456789' ],
    proxy       => [ 'proxy-authorization', qr/^Basic $encoded/ ],
);

sub clean {
    my ($name, $r) = @_;
    my $all = join "\n", $r->{body}, map { "$_: $r->{headers}{$_}" } sort keys %{ $r->{headers} };
    return unlike $all, $secret, "$name: no secret in the answer";
}

expect_log('CLP2110');
for my $place (sort keys %upstream) {
    my ($field, $value) = @{ $upstream{$place} };
    for my $dialect (sort keys %path) {
        for my $stream (0, 1) {
            my $name = "$place, $dialect" . ($stream ? ', stream' : '');
            my @more = $stream ? (stream => JSON::PP::true()) : ();
            my $ask = sub {
                my ($model) = @_;
                return post('secrets', "/$place$path{$dialect}", messages_body($model, 'x', @more),
                    headers => [ Authorization => "Bearer $access", Cookie => "session=$access",
                        Referer => "http://example.org/?key=x" ]);
            };
            upstream_reset();
            my $r = $ask->('m');
            is $r->{status}, 200, "$name: answered" or diag $r->{body};
            clean($name, $r);
            my ($seen) = upstream_log();
            my $got = header_of($seen, $field);
            ok ref $value ? $got =~ $value : $got eq $value, "$name: the upstream has its key";
            my @sent = map { "$_->[0]: $_->[1]" } @{ $seen->{headers} };
            my @wrong = grep { /$secret/ && !/^\Q$field\E: /i && !($place eq 'literal' && /^X-Planted: /i) } @sent;
            is_deeply \@wrong, [], "$name: and no other";
            unlike $seen->{path}, $secret, "$name: none in its path";

            if ($place ne 'proxy') {
                for my $how ('refuse', 'give') {
                    $r = $ask->("script:secrets/$how-$place");
                    cmp_ok $r->{status}, '>=', 400, "$name, $how: $r->{status}";
                    clean("$name, $how", $r);
                }
            }
            $r = $ask->('script:secrets/fields');
            is $r->{status}, 200, "$name: fields: answered";
            clean("$name, what the upstream puts into its fields", $r);
        }
    }
}

# A key in the query: nothing behind authentication sees it, not even while the request runs.
{
    upstream_reset();
    my $client = ClaudeTest::Client->open_to(hostport('secrets'));
    $client->send_request(method => 'POST', path => "/literal/v1/messages?key=$access&beta=true",
        headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body('script:secrets/slow')));
    ok wait_for(3, sub { upstream_log() }), 'a key in the query: the upstream is asked';
    my ($seen) = upstream_log();
    is $seen->{path}, '/at/literal/v1/messages?beta=true', 'a key in the query: without it';
    my $r = request(vhost => 'secrets', path => '/server-status');
    is $r->{status}, 200, 'server-status';
    like $r->{body}, qr{POST /literal/v1/messages}, 'server-status: shows the request';
    clean('server-status', $r);
    $r = $client->receive;
    is $r->{status}, 200, 'a key in the query: answered';
    clean('a key in the query', $r);
    clean('a wrong key', request(vhost => 'secrets', path => "/literal/v1/models?key=$access-not"));
    clean('server-status, later', request(vhost => 'secrets', path => '/server-status?auto'));
}

# What shows the configuration.
{
    my $r = request(vhost => 'secrets', path => '/server-info');
    is $r->{status}, 200, 'server-info';
    like $r->{body}, qr/ChannelKey/, 'server-info: shows the directives';
    clean('server-info', $r);
    clean("server-info $_", request(vhost => 'secrets', path => "/server-info?$_")) for qw(config list server);
    my $config = Apache::Test::config();
    my $dump = qx($config->{vars}{httpd} -d $config->{vars}{serverroot} -f $config->{vars}{t_conf_file} -t -D DUMP_CONFIG 2>&1);
    like $dump, qr/secret-literal/, 'DUMP_CONFIG: shows the channels';
    unlike $dump, $secret, 'DUMP_CONFIG: no secret';
}

# Logs: ours is at trace8 here.
sleep 0.3;
for my $file (glob logs_dir() . '/*_log') {
    open my $fh, '<', $file or next;
    my @leaks = grep { $_ =~ $secret } <$fh>;
    is scalar @leaks, 0, "$file: no secret" or diag @leaks[ 0 .. ($#leaks > 4 ? 4 : $#leaks) ];
}

# Of processes others may see the arguments; the environment holds what was put there, and no more.
for my $pid (server_pid(), children()) {
    my $text = '';
    for my $what (qw(cmdline environ)) {
        open my $fh, '<', "/proc/$pid/$what" or next;
        local $/;
        $text .= <$fh> // '';
    }
    $text =~ s/CLP_PLANTED_KEY=[^\0]*//;
    unlike $text, $secret, "process $pid: arguments and environment";
}
done_testing;
