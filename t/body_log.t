#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# ClaudeBodyLog: what was asked and answered, fit to be read, without keys, line by line.
use strict;
use warnings;

use ClaudeTest;
use POSIX ();
use Test::More;

my $n = 0;

sub lines_of {
    my ($file) = @_;
    open my $fh, '<', logs_dir() . "/$file" or return;
    return <$fh>;
}

# The line of an answered request, found by its id.
sub line_of {
    my ($r, $file, $seconds) = @_;
    my $id = $r->{headers}{'x-claude-proxy-request'} or return;
    return wait_for($seconds // 3, sub {
        my ($line) = grep { /"id":"\Q$id\E"/ } lines_of($file);
        return $line && decode($line);
    });
}

my $tools = [ { name => 'look', description => 'd' x 100, input_schema => { type => 'object' } } ];
my $picture = { type => 'image', source => { type => 'base64', media_type => 'image/png', data => 'iVBO' x 500 } };
{
    my $r = post('bodies', '/v1/messages', messages_body('m', [ { type => 'text', text => 'what I ask' }, $picture ],
            tools => $tools));
    is $r->{status}, 200, 'a request';
    my $line = line_of($r, 'bodies.jsonl') or BAIL_OUT('no line in the log');
    is $line->{request}{messages}[0]{content}[0]{text}, 'what I ask', 'what was asked';
    is_deeply $line->{request}{tools}, ['look'], 'tools by name';
    like $line->{request}{messages}[0]{content}[1]{source}{data}, qr/^iVBO.{44}\x{2026} \(\+1952 bytes\)$/, 'data cut';
    is $line->{answer}{content}[0]{text}, $r->{json}{content}[0]{text}, 'what was answered';
    is $line->{channel}, 'bodies', 'by whom';
    is $line->{status}, 200, 'and how';
    $r = post('bodies', '/silent/v1/messages', messages_body('m', 'unlogged'));
    is $r->{status}, 200, 'elsewhere';
    $r = request(vhost => 'bodies', path => '/v1/models');
    ok !line_of($r, 'bodies.jsonl', 0.3), 'a GET leaves no line';
    ok !grep({ /unlogged/ } lines_of('bodies.jsonl')), 'nor does a location with Off';
    $r = post('bodies', '/short/v1/messages', messages_body('m', "123456789012345678\x{4e2d}\x{4e2d}"));
    is line_of($r, 'bodies.jsonl')->{request}{messages}[0]{content}, "123456789012345678\x{2026} (+6 bytes)",
        'texts are cut between characters';
}

# Streams, of one protocol and of two; JSON::PP's true.
for my $path ('/v1/messages', '/chat/v1/messages') {
    my $r = post('bodies', $path, messages_body('m', 'hello', stream => JSON::PP::true()));
    my $line = line_of($r, 'bodies.jsonl');
    is_deeply [ map { $_->{type} } @{ $line->{answer}{blocks} } ], ['text'], "$path: a stream's blocks";
    is $line->{answer}{blocks}[0]{text}, stream_text($r), "$path: put together";
    is $line->{answer}{usage}{output}, 7, "$path: usage";
    is $line->{answer}{stop}, 'end', "$path: stop";
}
{
    my $r = post('bodies', '/v1/messages', messages_body('script:streams/cut', 'x', stream => JSON::PP::true()));
    my $line = line_of($r, 'bodies.jsonl');
    ok $line->{answer}{error}, 'a stream that breaks off ends with the error the client got';
    $r = post('bodies', '/v1/messages', '{"model": ');
    $line = line_of($r, 'bodies.jsonl');
    is $line->{status}, 400, 'a bad request';
    is $line->{request}, '{"model": ', 'as text, since it is no JSON';
    is $line->{answer}{type}, 'error', 'and what it was told';
    $r = post('bodies', '/v1/messages', messages_body('script:always/500', 'x'));
    is line_of($r, 'bodies.jsonl')->{answer}{type}, 'error', 'a failure';
}

# No more than about a megabyte of each side.
{
    my $r = post('bodies', '/v1/messages', messages_body('script:streams/long', [ map { { type => 'text', text => "part $_ of what is asked" } } 1 .. 30_000 ],
            stream => JSON::PP::true()), timeout => 30, raw => 1);
    my $line = line_of($r, 'bodies.jsonl', 10);
    my $asked = encode($line->{request});
    cmp_ok length $r->{body}, '>', 1024 * 1024, 'a long answer';
    ok $line->{answer_cut}, '... is cut, and the line says so';
    cmp_ok length $asked, '<', 1024 * 1024 + 200, 'a long request is cut';
    cmp_ok length $asked, '>', 1000 * 1000, '... at a megabyte';
    like $line->{request}{messages}[0]{content}[-1], qr/ more\)$/, '... and tells how much is missing';
}

# A program that reads lines, longer than a pipe takes at once, from several children.
{
    my $long = join '', map { chr(97 + $_ % 26) . ' ' } 1 .. 60_000;
    my @kids;
    for my $k (1 .. 4) {
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            post('bodies', '/piped/v1/messages', messages_body('m', "$k-$_ $long")) for 1 .. 5;
            POSIX::_exit(0);
        }
        push @kids, $pid;
    }
    waitpid $_, 0 for @kids;
    ok wait_for(10, sub { 20 == grep { decode($_) } lines_of('piped.jsonl') }), 'long lines through a program are whole'
        or diag scalar(() = lines_of('piped.jsonl'));
}
{
    my $long = 'word ' x 30_000;
    my $began = time;
    for (1 .. 4) {
        my $r = post('bodies', '/stuck/v1/messages', messages_body('m', $long), timeout => 30);
        is $r->{status}, 200, 'a program that does not read delays no answer';
    }
    cmp_ok time - $began, '<', 4, 'at all';
    expect_log('CLP2303');
    ok wait_for(10, sub { log_lines(qr/CLP2303: .*sleep/) }), 'it is told, and loses lines';
}
is((stat logs_dir() . '/bodies.jsonl')[2] & 077, 0, 'the file is for its owner alone');
for my $file (qw(bodies.jsonl piped.jsonl)) {
    ok !grep({ /up-key-for-the-bodies/ } lines_of($file)), "no key in $file";
}
{
    my $r = post('bodies', '/v1/messages', messages_body('m', 'my key is up-key-for-the-bodies-0123456789, sk-0123456789abcdefghij'));
    is line_of($r, 'bodies.jsonl')->{request}{messages}[0]{content}, 'my key is ****, sk-****', 'not even one that was asked about';
}
done_testing;
