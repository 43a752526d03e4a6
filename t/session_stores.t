#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Responses stored in httpd's object caches: two servers that share a redis, a
# redis that goes away, and the caches of one host.
use strict;
use warnings;

use ClaudeTest;
use File::Temp ();
use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(sleep time);

my $redis = (grep { -x } map { "$_/redis-server" } split(/:/, $ENV{PATH}), '/usr/bin')[0];
plan skip_all => 'no redis-server' if !$redis;

my $dir = File::Temp::tempdir('clp-stores-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $vars = Apache::Test::config()->{vars};
my $upstream = ClaudeTest::Run::ports()->{upstream};
my %pid;

sub spill {
    my ($path, $text) = @_;
    open my $fh, '>', $path or die "$path: $!\n";
    print {$fh} $text;
    close $fh or die "$path: $!\n";
    return;
}

sub slurp {
    my ($path) = @_;
    open my $fh, '<', $path or return '';
    local $/;
    return <$fh>;
}

sub free_port {
    my $held = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "no port: $@\n";
    return $held->sockport;
}

sub run {
    my ($name, $port, @command) = @_;
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/$name.out";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    $pid{$name} = $pid;
    my $up = wait_for(20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
    diag slurp("$dir/$name.out"), slurp("$dir/$name/error_log") if !$up;
    return ok $up, "$name is up";
}

sub stop {
    my ($name) = @_;
    my $pid = delete $pid{$name} or return;
    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}

END {
    my $status = $?;
    stop($_) for keys %pid;
    $? = $status;
}

# A server of its own with this session store.
sub server {
    my ($name, $store) = @_;
    my $port = free_port();
    my ($libexec) = map { /^LoadModule mpm_event_module "?(.*)\/mod_mpm_event\.so/ } split /\n/,
        slurp("$vars->{t_conf}/base.conf");
    my ($module) = map { /^LoadModule claude_proxy_module "?([^"\n]*)/ } split /\n/, slurp("$vars->{t_conf}/base.conf");
    mkdir "$dir/$name" or die "$dir/$name: $!\n";
    spill("$dir/$name.conf", join '', map { "$_\n" } (
        "ServerRoot $dir/$name", 'ServerName localhost', "Listen 127.0.0.1:$port", "PidFile $dir/$name/pid",
        "DefaultRuntimeDir $dir/$name", "ErrorLog $dir/$name/error_log", 'LogLevel info',
        (map { "LoadModule ${_}_module $libexec/mod_$_.so" } qw(mpm_event authn_core authz_core
            socache_redis socache_shmcb socache_dbm)),
        "LoadModule claude_proxy_module $module", "ClaudeSessionStore $store", 'ServerLimit 2', 'StartServers 2',
        'ThreadsPerChild 4', 'MaxRequestWorkers 8', 'RedisTimeout 500', 'ClaudeSessionMaxTokens 1000000',
        '<ClaudeChannel c>', 'ChannelService openai', "ChannelURL http://127.0.0.1:$upstream", 'ChannelKey k',
        '</ClaudeChannel>', 'ClaudeProxy On', 'ClaudeRequireUser Off'));
    run($name, $port, $vars->{httpd}, '-DFOREGROUND', '-f', "$dir/$name.conf") or return;
    return "127.0.0.1:$port";
}

sub ask {
    my ($at, $input, %more) = @_;
    return request(hostport => $at, method => 'POST', path => '/v1/responses',
        headers => [ 'Content-Type' => 'application/json' ], body => encode({ model => 'm', input => $input, %more }));
}

sub turns {
    my @log = upstream_log();
    return join ' | ', map { ref $_->{content} ? $_->{content}[0]{text} : $_->{content} }
        @{ decode(body_of($log[-1]))->{messages} };
}

sub is_true { return ref $_[0] && $_[0] }

# Two hosts, one redis.
my $redis_port = free_port();
my @redis = ($redis, '--port', $redis_port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', $dir);
run('redis', $redis_port, @redis);
my $one = server('one', "redis:127.0.0.1:$redis_port") or BAIL_OUT('no server');
my $two = server('two', "redis:127.0.0.1:$redis_port") or BAIL_OUT('no server');
{
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

    # Without redis.
    stop('redis');
    my $began = time;
    $r = ask($one, 'alone');
    is $r->{status}, 200, 'redis is away: the request goes on' or diag $r->{body};
    ok !$r->{json}{store}, 'and says that it is not stored';
    ask($one, 'alone') for 1 .. 3;
    cmp_ok time - $began, '<', 10, 'without long waits';
    my $warnings = () = slurp("$dir/one/error_log") =~ /CLP1600: .*does not answer/g;
    cmp_ok $warnings, '>=', 1, 'a warning';
    cmp_ok $warnings, '<=', 2, 'of each child, not of each request';
    $r = ask($one, 'x', previous_response_id => $first->{json}{id});
    is $r->{status}, 503, 'what is stored there cannot be continued now';
    run('redis', $redis_port, @redis);
    $r = wait_for(20, sub { my $a = ask($one, 'again'); $a->{json}{store} ? $a : undef });
    ok $r, 'redis is back: stored again';
    stop($_) for qw(one two redis);
}

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
    stop($name);
}
done_testing;
