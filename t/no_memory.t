#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# A system that has no shared memory to give: at the start the server serves without shared state,
# and at a restart that wants more of it goes on with what there is.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Server;
use Test::More;

plan skip_all => 'the sanitizer has to be the first that is preloaded' if ($ENV{CLP_VARIANT} // '') eq 'asan';

my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream};

sub conf {
    my (@more) = @_;
    return join("\n", <<"END", @more);
ServerLimit 3
StartServers 2
ThreadsPerChild 4
MaxRequestWorkers 8
ClaudeRequireUser Off
ClaudeProxy On
<ClaudeChannel first>
    ChannelService claude
    ChannelURL $upstream/at/first/use/scheduler+one-fails
    ChannelKey key-1
    ChannelPriority 1
</ClaudeChannel>
<ClaudeChannel second>
    ChannelService claude
    ChannelURL $upstream/at/second
    ChannelKey key-2
    ChannelPriority 2
</ClaudeChannel>
<Location /status>
    SetHandler claude-status
</Location>
<Location /metrics>
    SetHandler claude-metrics
</Location>
<Location /manage>
    SetHandler claude-admin
    ClaudeProxy Off
    ClaudeRequireUser On
    AuthType ClaudeKey
    AuthName admin
    Require expr "%{REMOTE_USER} == 'ops'"
    ClaudeAccessKey ops ops-key
</Location>
END
}

my $server = ClaudeTest::Server->new('no-memory', conf());
my $dir = $server->dir;
my $library = "$dir/refuse_memory.so";
my $refuses = "$dir/refuses";
my $compiler = $ENV{CC} || 'cc';
my $source = Apache::Test::vars('t_dir') . '/lib/refuse_memory.c';
plan skip_all => 'no compiler' if system("$compiler -shared -fPIC -o $library $source -ldl") != 0;

sub get { return request(hostport => $server->hostport, path => $_[0], headers => [ 'X-Api-Key' => 'ops-key' ]) }
sub status { return get('/status')->{json} }
sub requests { return status()->{protocols}{messages}{requests} }
sub told { return scalar(() = $server->error_log =~ /$_[0]/g) }
sub refuse { ClaudeTest::Server::spill($refuses, '') }
sub allow { unlink $refuses }

sub ask {
    my (@headers) = @_;
    return request(hostport => $server->hostport, method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json', @headers ], body => encode(messages_body('m', 'go')));
}

# What the admin API gives to whoever asks for no thing in particular.
sub reads {
    my $paths = get('/manage/api/openapi.json')->{json}{paths};
    my @reads = grep { !/\{|ping/ && $paths->{$_}{get}{responses}{200}{content}{'application/json'} } sort keys %$paths;
    cmp_ok scalar @reads, '>=', 3, 'reads of the admin API';
    return map { "/manage$_" } @reads;
}

# No memory from the start.
refuse();
{
    local @ENV{qw(LD_PRELOAD REFUSE_MEMORY)} = ($library, $refuses);
    $server->start or BAIL_OUT('no server');
}
upstream_reset();
is ask()->{status}, 200, 'none: a request is served, though its first channel fails' for 1 .. 2;
is get($_)->{status}, 200, "none: $_" for '/status', '/metrics', reads();
is told('CLP2116'), 1, 'none: the log says that there is no state';
is told('CLP2100'), 2, 'none: for neither conversations nor threads';
is told('CLP2353'), 1, 'none: nor sessions';
ok $server->graceful, 'none: a graceful restart';
is ask()->{status}, 200, 'none: and it serves on';

# There is some again.
allow();
ok $server->graceful, 'there is some: a graceful restart';
my @session = ('X-Claude-Code-Session-Id' => 'talk');
upstream_reset();
ask(@session);
is requests(), 1, 'there is some: requests are counted';
my $rows = status()->{tables}{channels}{rows};

# Not as much as another configuration wants.
refuse();
$server->configure(conf('ClaudeTableSize channels=200', 'ClaudeAffinityTableSize 65536', 'ClaudeThreadTableSize 65536',
        'ClaudeSessionMemory 128m'));
ok $server->graceful, 'not more: a graceful restart';
is requests(), 1, 'not more: what there is stays';
upstream_reset();
ask('X-Claude-Code-Session-Id' => 'another');
is_deeply [ map { $_->{path} =~ m{/at/(\w+)} } upstream_log() ], [qw(first second)], 'not more: the first channel fails once';
ask(@session);
is((upstream_log())[-1]{path} =~ m{/at/(\w+)} && $1, 'second', 'not more: a conversation stays where it was');
is requests(), 3, 'not more: it is counted on';
is status()->{tables}{channels}{rows}, $rows, 'not more: in as many rows';
is told('CLP2111'), 1, 'not more: the log says so of the tables';
is told('CLP2119'), 2, 'not more: of conversations and threads';
is told('CLP2354'), 1, 'not more: of sessions';

# And then there is.
allow();
ok $server->graceful, 'more: a graceful restart';
is status()->{tables}{channels}{rows}, 200, 'more: larger tables';
is requests(), 3, 'more: with what there was';
ask(@session);
is((upstream_log())[-1]{path} =~ m{/at/(\w+)} && $1, 'second', 'more: the conversation is still there');

$server->stop;
unlike $server->error_log, qr/exit signal/, 'nobody died';
my $expected = qr/CLP(?:1300|2100|2111|2116|2119|2353|2354):/;
is_deeply [ grep { /claude_proxy:(?!info)/ && !/$expected/ } split /\n/, $server->error_log ], [], 'there is nothing else to complain of';
done_testing;
