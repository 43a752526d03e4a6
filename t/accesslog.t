#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What the access log can tell.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my $n = 0;

# One request and its line in the log.
sub logged {
    my ($vhost, $path, $body) = @_;
    my $mark = 'log-' . ++$n . "-$$";
    my $r = post($vhost, $path, $body, headers => [ 'X-Test' => $mark ]);
    my $line = wait_for(3, sub { my ($l) = claude_log($mark); $l });
    return ($line, $r);
}

my ($line, $r) = logged('main', '/v1/messages', messages_body('mapped-model', 'a secret prompt'));
ok $line, 'a line' or BAIL_OUT('the access log has no line: is the LogFormat known?');
is $line->{channel}, 'main', 'channel';
is $line->{client_protocol}, 'messages', 'client dialect';
is $line->{upstream_protocol}, 'messages', 'upstream dialect';
is $line->{model}, 'mapped-model', 'model';
is $line->{upstream_model}, 'upstream-name', 'model upstream';
is $line->{attempts}, 1, 'attempts';
is $line->{tokens_in}, 20, 'input tokens';
is $line->{tokens_out}, 7, 'output tokens';
is $line->{tokens_cache_read}, 5, 'tokens from the cache';
is $line->{tokens_cache_write}, 3, 'tokens into the cache';
like $line->{ttft}, qr/^\d+$/, 'time to the first token';
is $line->{outcome}, 'ok', 'outcome';
is $line->{note}, 'main', 'the same as a note';
is $line->{stop}, 'end', 'why it ended';
unlike $line->{key}, qr/up-key-main/, 'the key is masked';
my $good = $line->{outcome};

for my $stream (0, 1) {
    ($line) = logged('chat', '/v1/messages', messages_body('m', 'x', $stream ? (stream => JSON::PP::true()) : ()));
    my $name = 'converted' . ($stream ? ' stream' : '');
    is $line->{upstream_protocol}, 'chat', "$name: upstream dialect";
    is $line->{tokens_out}, 7, "$name: output tokens";
    is $line->{tokens_cache_read}, 5, "$name: tokens from the cache";
    is $line->{outcome}, $good, "$name: outcome";
}
($line) = logged('main', '/v1/messages', messages_body('m', 'x', stream => JSON::PP::true()));
is $line->{tokens_out}, 7, 'a stream passed through: output tokens';
is $line->{tokens_in}, 20, 'a stream passed through: input tokens';

($line, $r) = logged('main', '/v1/messages', messages_body('script:streams/cut', 'x', stream => JSON::PP::true()));
isnt $line->{outcome}, $good, 'a cut stream is no success';
($line, $r) = logged('failover', '/v1/messages', messages_body("script:failures/500#log$$", 'x'));
is $line->{attempts}, 2, 'attempts of a failover';
is $line->{channel}, 'second', 'the channel that answered';
($line, $r) = logged('main', '/v1/messages', '{');
is $line->{status}, 400, 'a bad request';
isnt $line->{outcome}, $good, 'its outcome';

# No prompt, no answer and no key in any log.
for my $file (glob logs_dir() . '/*_log') {
    next if $file =~ /access_log/;
    open my $fh, '<', $file or next;
    my @leaks = grep { /a secret prompt|You said|up-key-\w|first-key-\d|alice-key|bob-key/ } <$fh>;
    ok !@leaks, "$file: no prompts, answers or keys" or diag @leaks[ 0 .. ($#leaks > 4 ? 4 : $#leaks) ];
}
done_testing;
