#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# The lines that `make demo` prints answer, word for word.
use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET ();
use Test::More;

use ClaudeTest::Sources qw(top);

chdir top() or die top() . ": $!\n";
delete @ENV{qw(ANTHROPIC_API_KEY OPENAI_API_KEY GEMINI_API_KEY)};
my $dir = File::Temp::tempdir('clp-demo-XXXXXX', TMPDIR => 1, CLEANUP => 1);
$ENV{DEMO_DIR} = $dir;
chmod 0755, $dir;

# Two free ports in a row.
my $port = 18_080;
$port += 2 while grep { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $_) } $port, $port + 1;
$ENV{DEMO_PORT} = $port;

my $text = qx(packaging/demo.sh start 2>&1);
is $?, 0, 'it starts' or diag $text;
my @commands = $text =~ /^(curl .*?'\n)(?=\n)/gms;
cmp_ok scalar @commands, '>=', 4, 'it prints commands';
my %seen;
for my $command (@commands) {
    my ($path) = $command =~ m{127\.0\.0\.1:\d+([^\s']+)};
    my $stream = $path =~ s/:streamGenerateContent.*// || $command =~ /"stream":true/ ? 1 : 0;
    $path =~ s/:generateContent$//;
    my $answer = qx($command);
    if ($path eq '/claude-status') {
        like $answer, qr/"name":"demo-claude"/, 'status: names the channels';
        $seen{$path}++;
        next;
    }
    my $name = ($path =~ m{^/v1beta/models/} ? '/v1beta/models' : $path) . ($stream ? ', stream' : '');
    $seen{$name}++;
    is $?, 0, "$name: curl succeeds";
    like $answer, qr/Hello/, "$name: answers";
    like $answer, $stream
        ? qr/\[DONE\]|"type":"message_stop"|"type":"response\.completed"|"finishReason":\s*"STOP"/
        : qr/"stop_reason":"end_turn"|"finish_reason":"stop"|"status":"completed"|"finishReason":\s*"STOP"/,
        "$name: to its end";
}
is_deeply [ sort keys %seen ],
    [ '/claude-status', map { $_, "$_, stream" } qw(/v1/chat/completions /v1/messages /v1/responses /v1beta/models) ],
    'all four protocols, streamed and not, and the status';
is qx(curl -s -o $dir/answer -w '%{http_code}' -d '{}' http://127.0.0.1:$port/v1/messages), 401,
    'without the key it is closed';

sub pid {
    open my $fh, '<', "$dir/httpd.pid" or return 0;
    return 0 + <$fh>;
}
my $first = pid();
system 'packaging/demo.sh start >/dev/null 2>&1';
is $?, 0, 'started again';
ok !kill(0, $first), 'the first one is gone';
my $second = pid();
ok kill(0, $second), 'the second one runs';
system 'packaging/demo.sh stop';
ok !kill(0, $second), 'stopped';
is system('packaging/demo.sh stop'), 0, 'stopping twice is fine';
done_testing;
