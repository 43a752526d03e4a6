#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Where channels of the overlay may lead (ClaudeUpstreamHosts): said by the API or in the file, and when
# a name turns out to lead elsewhere. 0.0.0.0 is an address that is refused and that Linux takes for
# this machine: what went there would arrive.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Server;
use Test::More;

my $port = ClaudeTest::Run::ports()->{upstream};

sub conf {
    my ($hosts) = @_;
    return <<"END";
ServerLimit 1
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
ClaudeStateDir state
ClaudeRequireUser Off
ClaudeProxy On
ClaudeRetryWait Off
$hosts
<ClaudeChannel conf>
    ChannelService claude
    ChannelURL http://bad.test:$port/at/conf
    ChannelKey key-1
    ChannelModels conf-*
</ClaudeChannel>
<Location /manage>
    ClaudeProxy Off
    SetHandler claude-admin
</Location>
END
}

my $server = ClaudeTest::Server->new('hosts', conf(''));
my $file = $server->dir . '/state/channels.json';
my $names = $server->dir . '/names.so';
system('cc', '-D_GNU_SOURCE', '-shared', '-fPIC', '-o', $names, top() . '/t/lib/names.c') == 0 or BAIL_OUT('no compiler');

sub call {
    my ($method, $path, $body) = @_;
    return request(hostport => $server->hostport, method => $method, path => "/manage/api$path",
        $body ? (headers => [ 'Content-Type' => 'application/json' ], body => encode($body)) : ());
}

sub ask {
    my ($model) = @_;
    return request(hostport => $server->hostport, method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body($model, 'go')))->{status};
}

sub channel {
    my ($name, @urls) = @_;
    return { name => $name, serviceType => 'claude', baseUrls => \@urls, apiKeys => ["key-$name"], models => ["$name-*"] };
}

sub at {
    my ($host, $name) = @_;
    return "http://$host:$port/at/$name";
}

sub refused {
    my ($path, $why, @call) = @_;
    my $r = call(@call);
    my $where = "$call[0] $call[1]: " . encode($call[2]);
    is $r->{status}, 400, $where or diag $r->{body};
    is $r->{json}{error}{path}, $path, '... at its place';
    like $r->{json}{error}{message}, $why, '... with the reason';
    like $r->{json}{error}{message}, qr/listed in ClaudeUpstreamHosts|listed there/, '... and what to do';
    return;
}

sub start {
    local $ENV{LD_PRELOAD} = $names;
    local $ENV{CLP_NAMES} = 'good.test=127.0.0.1 bad.test=0.0.0.0';
    return $server->start || BAIL_OUT('no server');
}

# Take another configuration into use.
sub reconfigure {
    my ($hosts) = @_;
    $server->stop;
    $server->configure(conf($hosts));
    return start();
}

sub logged {
    my ($pattern, $what) = @_;
    return ok wait_for(5, sub { $server->error_log =~ $pattern }), $what;
}

start();

# --- nothing is listed ---------------------------------------------------------------
for my $host (qw(169.254.169.254 2852039166 0xA9FEA9FE 0251.0376.0251.0376 169.254.43518 169.254.169.254. [fe80::1]
    [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [64:ff9b::a9fe:a9fe] [fd00:ec2::254] 100.100.100.200 0 0.0.0.0 [::] 224.0.0.1
    255.255.255.255 Metadata.Google.Internal metadata.google.internal. metadata)) {
    refused('baseUrls.0', qr{ is (?:an? |the )[\w' -]*(?:address|service)}, POST => '/channels', channel('x', "http://$host/latest"));
}
my $bad = 'http://169.254.169.254/latest';
my $link_local = qr/169\.254\.169\.254 is a link-local address/;
refused('baseUrls.1', $link_local, PUT => '/channels/x', channel('x', at('127.0.0.1', 'x'), $bad));
refused('baseUrls.0', $link_local, PATCH => '/channels/conf', { baseUrls => [$bad] });
refused('baseUrls.0', $link_local, PATCH => '/channels/conf', { baseUrl => $bad });
refused('proxy', $link_local, PATCH => '/channels/conf', { proxy => 'http://me:my-secret@169.254.169.254:3128' });
refused('proxy', $link_local, PATCH => '/channels/conf', { proxy => 'socks5h://2852039166' });
my $r = call(POST => '/config/validate', { channels => { x => { %{ channel('x', $bad) }{qw(serviceType baseUrls apiKeys)} } } });
ok !$r->{json}{valid}, 'validate: not valid';
is $r->{json}{path}, 'channels.x.baseUrls.0', '... at its place';
is call(GET => '/config')->{json}{revision}, 0, 'none of that changed anything';
ok !-e $file, 'nor wrote a file';

is call(POST => '/channels', channel('good', at('good.test', 'good')))->{status}, 201, 'a host of this machine may be named';
is ask('good-1'), 200, '... and is asked';
is call(POST => '/channels', channel('rebound', at('bad.test', 'rebound')))->{status}, 201, 'so may a name that leads elsewhere';
upstream_reset();
is ask('rebound-1'), 502, '... but it is not asked';
is scalar(upstream_log()), 0, '... nothing arrives';
logged(qr/CLP1304: channel rebound: not connected: 0\.0\.0\.0 is an unspecified address; it has to be listed/, '... the log tells why');
$r = call(GET => '/ping/rebound');
is $r->{json}{error}, 'forbidden', 'a ping neither';
is $r->{json}{message}, 'address not allowed by ClaudeUpstreamHosts', '... and says so';
is call(PATCH => '/channels/rebound', { baseUrls => [ at('bad.test', 'rebound'), at('good.test', 'other') ] })->{status}, 200, 'with another URL';
is ask('rebound-1'), 200, '... that one is asked';
is call(PATCH => '/channels/good', { proxy => "http://bad.test:$port" })->{status}, 200, 'a proxy whose name leads elsewhere';
is ask('good-1'), 502, '... is not asked either';
is ask('conf-1'), 200, 'the configuration may name any';
is call(PATCH => '/channels/conf', { priority => 5 })->{status}, 200, '... also if the overlay says other things';
is ask('conf-1'), 200, '... of that channel';

# --- keys of the configuration ---------------------------------------------------------
my $elsewhere = qr/section in the configuration does not lead there/;
refused('baseUrls.0', $elsewhere, PATCH => '/channels/conf', { baseUrls => [ at('good.test', 'thief') ] });
refused('baseUrls.1', $elsewhere, PUT => '/channels/conf', { baseUrls => [ at('bad.test', 'conf'), 'https://thief.example' ] });
refused('proxy', $elsewhere, PATCH => '/channels/conf', { proxy => "http://good.test:$port" });
for my $weak ([ tlsVerify => JSON::PP::false() ], [ auth => [ 'header', 'x-request-id' ] ]) {
    $r = call(PATCH => '/channels/conf', {@$weak});
    is "$r->{status} $r->{json}{error}{path}", "400 $weak->[0]", "... nor $weak->[0]";
    like $r->{json}{error}{message}, qr/a channel of its own with its own keys/, '... and what to do';
}
is call(PATCH => '/channels/conf', { baseUrls => [ at('bad.test', 'conf-again') ] })->{status}, 200, 'another path of its own host';
upstream_reset();
is ask('conf-1'), 200, '... is asked, wherever the name leads';
like +(upstream_log())[0]{path}, qr{^/at/conf-again/}, '... at that path';

# --- the file ----------------------------------------------------------------------------
my $text = do { local (@ARGV, $/) = ($file); <> };
sub put {
    my ($content) = @_;
    open my $fh, '>', "$file.new" or die "$file.new: $!\n";
    chmod 0600, "$file.new";
    print {$fh} $content;
    close $fh or die "$file.new: $!\n";
    return rename "$file.new", $file;
}
put($text =~ s{http://good\.test:$port/at/good}{http://0xa9.0xfe.43518/}r);
logged(qr/CLP2401: .*: channels\.good\.baseUrls\.0 .*169\.254\.169\.254 is a link-local address.*stay in force/, 'a file that names one is not taken into use');
is ask('rebound-1'), 200, '... what was in force is';
for my $steal ({ baseUrls => [ at('good.test', 'thief') ] }, { tlsVerify => JSON::PP::false() }) {
    my ($setting) = keys %$steal;
    put($text =~ s{"conf":\s*\K\{[^{}]*\}}{encode($steal)}er);
    logged(qr/CLP2401: .*: channels\.conf\.$setting\S* .*own keys; the channels before it stay in force/, "nor one that leads keys elsewhere by $setting");
    upstream_reset();
    is ask('conf-1'), 200, '... the channel is';
    like +(upstream_log())[0]{path}, qr{^/at/conf-again/}, '... as it was';
}
put($text);
ok wait_for(5, sub { !defined call(GET => '/config')->{json}{error} }), 'the old file again';

# --- hosts are listed ------------------------------------------------------------------------
reconfigure("ClaudeUpstreamHosts *.test 10.0.0.0/8\nClaudeUpstreamHosts 0.0.0.0");
refused('baseUrls.0', qr/other\.example is no host that ClaudeUpstreamHosts lists/, POST => '/channels', channel('x', 'https://other.example'));
refused('baseUrls.0', qr/127\.0\.0\.1 is no host/, POST => '/channels', channel('x', at('127.0.0.1', 'x')));
refused('proxy', qr/127\.0\.0\.1 is no host/, PATCH => '/channels/conf', { proxy => "http://127.0.0.1:$port" });
is call(POST => '/channels', channel('more', at('good.test', 'more')))->{status}, 201, 'one that is listed';
is ask('more-1'), 200, '... is asked';
upstream_reset();
is ask('rebound-1'), 200, 'a name that is listed, as is the address that it leads to';
like join(' ', map { $_->{path} } upstream_log()), qr{^/at/rebound/\S+$}, '... at the first URL now';

is call(PATCH => '/channels/conf', { baseUrls => [ at('good.test', 'listed') ] })->{status}, 200, 'keys of the configuration go to a host that is listed';
upstream_reset();
is ask('conf-1'), 200, '... which is asked';
like +(upstream_log())[0]{path}, qr{^/at/listed/}, '... at that path';

# A shorter list.
reconfigure('ClaudeUpstreamHosts api.example.com');
logged(qr/CLP2402: .*: channels\.\w+\.\w+\S* .*no host that ClaudeUpstreamHosts lists.*configuration alone/, 'a list that the overlay does not keep to');
is ask('conf-1'), 200, '... the configuration is in force';
is ask('more-1'), 404, '... alone';
done_testing;
