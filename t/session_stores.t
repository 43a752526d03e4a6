#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Responses stored in httpd's object caches: two servers that share a redis or a
# memcached, one that goes away, and the caches of one host.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Host qw(free_port host_dir host_start program program_start program_stop slurp);
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = host_dir();
my $upstream = ClaudeTest::Run::ports()->{upstream};

# A server of its own with this session store.
sub server {
    my ($name, $store) = @_;
    return host_start($name, "ClaudeSessionStore $store", 'RedisTimeout 500', 'ClaudeSessionMaxTokens 1000000',
        '<ClaudeChannel c>', 'ChannelService openai', "ChannelURL http://127.0.0.1:$upstream", 'ChannelKey k',
        '</ClaudeChannel>',
        '<ClaudeChannel held>', 'ChannelService responses', "ChannelURL http://127.0.0.1:$upstream/use/held",
        'ChannelKey held-key-1 held-key-2', 'ChannelModels gpt-*', '</ClaudeChannel>',
        '<ClaudeChannel threads>', 'ChannelService claude', "ChannelURL http://127.0.0.1:$upstream",
        'ChannelKey thread-key-1 thread-key-2', 'ChannelModels claude-*',
        "ChannelModelMap claude-busy script:failures/429#$name", '</ClaudeChannel>',
        'ClaudeChannelSet keeping held threads', 'ClaudeChannelSet ours c', 'ClaudeProxy On', 'ClaudeRequireUser Off',
        'ClaudeUseSet ours', '<Location /keeping>', 'ClaudeProxy On', 'ClaudeUseSet keeping', '</Location>');
}

sub ask {
    my ($at, $input, %more) = @_;
    my $prefix = delete $more{prefix} // '';
    return request(hostport => $at, method => 'POST', path => "$prefix/v1/responses",
        headers => [ 'Content-Type' => 'application/json' ], body => encode({ model => 'm', input => $input, %more }));
}

sub turns {
    my @log = upstream_log();
    return join ' | ', map { ref $_->{content} ? $_->{content}[0]{text} : $_->{content} }
        @{ decode(body_of($log[-1]))->{messages} };
}

sub is_true { return ref $_[0] && $_[0] }

# Two hosts, one cache server.
sub shared {
    my ($kind, $port, @command) = @_;
    program_start($kind, $port, @command);
    my $one = server("one-$kind", "$kind:127.0.0.1:$port") or BAIL_OUT('no server');
    my $two = server("two-$kind", "$kind:127.0.0.1:$port") or BAIL_OUT('no server');

    my $long = 'long ' . 'x' x 600_000;
    my $first = ask($one, 'first');
    ok is_true($first->{json}{store}), 'one: stored' or diag $first->{body};
    my $second = ask($two, $long, previous_response_id => $first->{json}{id});
    is $second->{status}, 200, 'two goes on with what one began' or diag $second->{body};
    ok turns() eq "first | You said: first | $long", 'with all of it';
    ok is_true($second->{json}{store}), 'two: stored';
    my $third = ask($one, 'third', previous_response_id => $second->{json}{id});
    is $third->{status}, 200, 'and back' or diag $third->{body};
    is length turns(), length join(' | ', 'first', 'You said: first', $long,
        $second->{json}{output}[0]{content}[0]{text}, 'third'), 'more than fits into one piece';
    my $r = request(hostport => $two, path => "/v1/responses/$second->{json}{id}");
    is_deeply $r->{json}, $second->{json}, 'GET';
    $r = request(hostport => $one, method => 'DELETE', path => "/v1/responses/$second->{json}{id}");
    is $r->{status}, 200, 'DELETE';
    is request(hostport => $two, path => "/v1/responses/$second->{json}{id}")->{status}, 404, 'gone everywhere';
    is ask($two, 'x', previous_response_id => 'resp_unknown')->{json}{error}{code}, 'previous_response_not_found',
        'unknown';

    held($one, $two);
    thread($one, $two);

    # Without the cache server.
    program_stop($kind);
    my $began = time;
    $r = ask($one, 'alone');
    is $r->{status}, 200, "$kind is away: the request goes on" or diag $r->{body};
    ok !$r->{json}{store}, 'and says that it is not stored';
    ask($one, 'alone') for 1 .. 12;
    cmp_ok time - $began, '<', 10, 'without long waits';
    my @warnings = slurp("$dir/one-$kind/error_log") =~ /(CLP1600: .*does not answer.*)/g;
    is scalar @warnings, 1, 'a warning a minute, whichever child it was' or diag explain \@warnings;
    $r = ask($one, 'x', previous_response_id => $first->{json}{id});
    is $r->{status}, 503, 'what is stored there cannot be continued now';
    program_start($kind, $port, @command);
    $r = wait_for(20, sub { my $a = ask($one, 'again'); $a->{json}{store} ? $a : undef });
    ok $r, "$kind is back: stored again";
    program_stop($_) for "one-$kind", "two-$kind", $kind;
    return;
}

# What lives upstream is found by the other host too: its channel and its key.
sub held {
    my ($one, $two) = @_;
    upstream_reset();
    my $key = sub { return header_of((upstream_log())[-1], 'authorization') };
    my %keeping = (model => 'gpt-1', prefix => '/keeping');
    my $r = ask($one, 'one', %keeping);
    is $r->{json}{id}, 'resp_up1', 'held upstream' or diag $r->{body};
    is $key->(), 'Bearer held-key-2', 'by the second key';
    $r = ask($two, 'two', %keeping, previous_response_id => 'resp_up1');
    is $r->{json}{id}, 'resp_up2', 'the other host goes on there' or diag $r->{body};
    is $key->(), 'Bearer held-key-2', 'with the key that holds it';
    $r = request(hostport => $one, path => '/keeping/v1/responses/resp_up2');
    is $r->{json}{id}, 'resp_up2', 'and back: GET' or diag $r->{body};
    is $key->(), 'Bearer held-key-2', 'with its key';
    return;
}

sub thread {
    my ($one, $two) = @_;
    my $say = sub {
        my ($at, $model, %thread) = @_;
        return request(hostport => $at, method => 'POST', path => '/keeping/v1/messages', headers => [
            'Content-Type' => 'application/json', 'anthropic-version' => '2026-10-21',
            'anthropic-beta' => 'message-threads-2026-08-12' ], body => encode(messages_body($model, 'x', thread => \%thread)));
    };
    my $r = $say->($one, 'claude-busy', type => 'create');
    is $r->{status}, 200, 'a thread' or diag $r->{body};
    $r = $say->($two, 'claude-1', type => 'continue', previous_message_id => $r->{json}{id});
    is $r->{status}, 200, 'the other host goes on with it' or diag $r->{body};
    is header_of((upstream_log())[-1], 'x-api-key'), 'thread-key-2', 'with the key that holds it';
    return;
}

my $port = free_port();
subtest redis => sub {
    shared('redis', $port, program('redis-server'), '--port', $port, '--bind', '127.0.0.1', '--save', '',
        '--appendonly', 'no', '--dir', $dir);
};
$port = free_port();
subtest memcache => sub {
    shared('memcache', $port, program('memcached'), '-l', '127.0.0.1', '-p', $port, '-U', '0');
};

# Caches of one host; long values in pieces.
for my $store ('shmcb', "dbm:$dir/cache", "shmcb:$dir/shm(2000000)") {
    my ($name) = map { s/\W.*//r . length } $store;
    my $at = server($name, $store) or next;
    my $text = 'y' x 15_000;
    my $first = ask($at, $text);
    ok is_true($first->{json}{store}), "$store: stored" or diag slurp("$dir/$name/error_log");
    my $second = ask($at, 'next', previous_response_id => $first->{json}{id});
    is $second->{status}, 200, "$store: goes on" or diag slurp("$dir/$name/error_log");
    ok turns() eq "$text | You said: $text | next", "$store: with all of it";
    is request(hostport => $at, method => 'DELETE', path => "/v1/responses/$first->{json}{id}")->{status}, 200,
        "$store: DELETE";
    is request(hostport => $at, path => "/v1/responses/$first->{json}{id}")->{status}, 404, "$store: gone";
    program_stop($name);
}
done_testing;
