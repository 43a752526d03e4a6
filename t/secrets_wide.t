#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# A secret of its own in every place that takes one, upstreams that tell what they were sent, and
# everything that operators do; then a search for all of it in every answer, log, file, and in the
# memory that processes share. Secrets are found whole, in part, and encoded.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Host qw(free_port host_dir program program_start slurp spill);
use ClaudeTest::Server;
use File::Find ();
use IO::Socket::INET ();
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(sleep);

my $true = JSON::PP::true();

my %secret = (
    'key, said itself'       => 'Lw3a-7Qf1Xz9Rk2Vn8Jd4Tb6Hp-u5Ym',
    'key in a file'          => 'Fq8s-2Gh6Wc3Zr9Kx1Np7Dv5Lt-b4Je',
    'key in the environment' => 'En5d-9Bt4Sy8Mv2Qj6Xw3Cf1Gz-k7Rh',
    'key of a program'       => 'Pz1k-6Hn3Lx7Ds5Wq9Yb2Tf8Rv-c4Gm',
    'key by the API'         => 'Ap4j-8Vm2Kt6Zx1Fh9Qs3Wn7Bd-y5Cr',
    'key added by the API'   => 'Ad7g-3Rw9Jc5Yp1Tz8Lk4Xm6Vs-h2Nq',
    'key that was refused'   => 'Rf2v-5Dk8Gq1Nx7Sb4Hy9Zj3Wt-m6Lc',
    'key in a broken file'   => 'Bk9n-1Tx6Pv3Gd8Rm5Cq2Ls7Jw-z4Fy',
    'password of a proxy'    => 'Py6m8Xc2Zt4Kw9Vb1Rn7Gs3Hj5Qd',
    'value of a field'       => 'Hv3x-4Jy7Bn9Qk2Fc6Tr1Sw8Zp-d5Lg',
    'field by the API'       => 'Hp8c-6Wz1Dv5Xt3Ry9Mj7Kb2Qn-f4Sh',
    'key for the collector'  => 'Tr5h-2Sd9Vg4Lm7Zk1Wx6Nc8Bp-j3Qy',
    'access key of alice'    => 'Al2w-9Xq5Tj1Hf8Ny3Rc6Kz7Dm-v4Bs',
    'access key of ops'      => 'Op7t-3Zb8Mk6Fw1Jx4Ys9Hd2Vr-n5Gc',
    'password of carol'      => 'carol-pass',
);
my %said = (
    'a prompt'             => 'purple herons dance on marble stairs at noon',
    'a system prompt'      => 'seven tin drums roll down the slate hill slowly',
    'arguments of a tool'  => 'the lighthouse keeper sells amber bees in June',
    'the result of a tool' => 'an owl with wooden shoes reads the tide tables',
);
my ($pem) = slurp(logs_dir() . '/tls/client.key') =~ /-----BEGIN[^\n]*\n([^\n]+)/;
$secret{'private key of TLS'} = $pem;

# --- what is searched for ----------------------------------------------------------------

# All ways in which some bytes may be spelled.
sub spellings {
    my ($bytes) = @_;
    my $hex = unpack 'H*', $bytes;
    my @all = ($bytes, $hex, uc $hex, join('', map { sprintf '%%%02X', ord } split //, $bytes),
        join('', map { sprintf '\\u%04x', ord } split //, $bytes));
    for my $before (0 .. 2) {
        my $code = encode_base64('x' x $before . $bytes, '');
        # Without what neighbours have a part in.
        push @all, substr $code, $before ? 4 : 0, 4 * int((length($bytes) - 3) / 3);
    }
    return @all;
}

# A piece from the middle: texts are cut, and a mask shows both ends. Shorter quotations of what was
# said are not taken for such.
use constant PIECE => 16;

sub core {
    my ($text) = @_;
    return length $text > PIECE ? substr $text, (length($text) - PIECE) / 2, PIECE : $text;
}

sub search_for {
    my (%what) = @_;
    my %name = map { my $name = $_; map { ($_ => $name) } spellings(core($what{$name})) } keys %what;
    my $any = join '|', map { quotemeta } sort { length $b <=> length $a } keys %name;
    return [ qr/$any/, \%name ];
}

# Names of what is there.
sub found {
    my ($search, $text) = @_;
    my ($any, $name) = @$search;
    my %found;
    $found{ $name->{$1} } = 1 while $text =~ /($any)/g;
    return sort keys %found;
}

my $secrets = search_for(%secret);
my $prompts = search_for(%said);

for my $name (sort keys %secret) {
    my $text = $secret{$name};
    for my $told ("x $text y", encode({ a => $text }), map { encode_base64("${_}$text tail", '') } '', 'a', 'ab') {
        fail "a search that finds nothing: $name in $told" if !grep { $_ eq $name } found($secrets, $told);
    }
}

my %dump;    # what was seen: name -> text

sub seen { return $dump{ $_[0] } = ($dump{ $_[0] } // '') . ($_[1] // '') }

# --- the server -------------------------------------------------------------------------

my $up = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream};
my $tls = ClaudeTest::Run::ports()->{tls_client};
my $certificates = logs_dir() . '/tls';
my $files = host_dir();
my $redis = free_port();
my $collector = free_port();

program_start('redis-server', $redis, program('redis-server'), '--port', $redis, '--bind', '127.0.0.1', '--save', '',
    '--dir', $files) or BAIL_OUT('no redis');
mkdir "$files/collector" or die "collector: $!\n";
spill("$files/collector/mode", "200\n");
program_start('collector', $collector, $^X, top() . '/t/lib/collector.pl', $collector, "$files/collector") or BAIL_OUT('no collector');
spill("$files/one.key", "$secret{'key in a file'}\n");
chmod 0600, "$files/one.key" or die "one.key: $!\n";
$ENV{CLP_WIDE_KEY} = $secret{'key in the environment'};

sub channel {
    my ($name, $service, $key, @more) = @_;
    return join "\n", "<ClaudeChannel $name>", "ChannelService $service", "ChannelURL $up/at/$name", ($key ? "ChannelKey $key" : ()),
        'ChannelBreaker Off', 'ChannelCooldown Off', "ChannelModels $name/* all/*", (map { ; "ChannelModelMap $name/$_ script:secrets_wide/$_",
            "ChannelModelMap all/$_ script:secrets_wide/$_" } qw(401 400 500 500-json stream garbage redirect)), @more, "</ClaudeChannel>\n";
}

my $server = ClaudeTest::Server->new('wide',
    ClaudeTest::Server::modules(qw(authz_user authz_host auth_basic authn_file status info socache_redis)) . <<"END"
ServerLimit 4
StartServers 2
ThreadsPerChild 8
MaxRequestWorkers 16
MinSpareThreads 2
MaxSpareThreads 16
ExtendedStatus On
LogLevel info claude_proxy:trace8
LogFormat "%h %u %r %U %q %>s %{Referer}i %{tried}^CL %{error}^CL %{key}^CL %{model}^CL %{user}^CL %{clp-key}n %{HTTP_AUTHORIZATION}e" wide
CustomLog access_log wide
ClaudeStateDir state
ClaudeSnapshotInterval 1s
ClaudeAuditLog audit_log
ClaudeSessionStore redis:127.0.0.1:$redis
ClaudeTraceExport http://127.0.0.1:$collector
ClaudeTraceHeader Authorization Bearer $secret{'key for the collector'}
@{[ channel('itself', 'claude', $secret{'key, said itself'}, "ChannelHeader set X-Wide $secret{'value of a field'}") ]}
@{[ channel('file', 'openai', "file:$files/one.key") ]}
@{[ channel('environment', 'claude', 'env:CLP_WIDE_KEY') ]}
@{[ channel('program', 'openai', qq("exec:/bin/echo $secret{'key of a program'}")) ]}
@{[ channel('proxy', 'claude', '', 'ChannelAuth none', "ChannelProxy http://somebody:$secret{'password of a proxy'}\@127.0.0.1:"
        . ClaudeTest::Run::ports()->{upstream}) =~ s{$up/at}{http://provider.invalid/at}r ]}
@{[ channel('tls', 'claude', '', 'ChannelAuth none', "ChannelTLSCAFile $certificates/ca.pem",
        "ChannelTLSCertificate $certificates/client.crt $certificates/client.key") =~ s{ChannelURL \S+}{ChannelURL https://localhost:$tls}r ]}
<Location />
    ClaudeProxy On
    ClaudeDebugHeaders On
    AuthType ClaudeKey
    AuthName gateway
    Require valid-user
    ClaudeAccessKey alice $secret{'access key of alice'}
    ClaudeKeyInQuery On
</Location>
<Location /logged>
    ClaudeProxy On
    ClaudeBodyLog body_log
</Location>
<Location /manage>
    ClaudeProxy Off
    SetHandler claude-admin
    ClaudeAccessKey ops $secret{'access key of ops'}
    Require user ops
</Location>
<Location /basic>
    ClaudeProxy Off
    SetHandler claude-admin
    AuthType Basic
    AuthUserFile @{[ Apache::Test::config()->{vars}{t_conf} ]}/passwords
</Location>
@{[ map { ; "<Location /$_>\nClaudeProxy Off\nAuthType None\nRequire all granted\nClaudeRequireUser Off\nSetHandler $_\n</Location>\n" }
        qw(server-status server-info claude-status claude-metrics) ]}
END
);
my $hostport = $server->hostport;
my $dir = $server->dir;
$server->start or BAIL_OUT('no server');

sub get {
    my ($name, %r) = @_;
    my $answer = request(hostport => $hostport, %r);
    seen("answer: $name", join "\n", (map { "$_: $answer->{headers}{$_}" } sort keys %{ $answer->{headers} }), $answer->{body});
    return $answer;
}

my @json = ('Content-Type' => 'application/json');

sub manage {
    my ($status, $method, $path, $body) = @_;
    my $r = get("$method $path", method => $method, path => "/manage$path", headers => [ @json, 'X-Api-Key' => $secret{'access key of ops'} ],
        defined $body ? (body => ref $body ? encode($body) : $body) : ());
    is $r->{status}, $status, "$method $path: $status" or diag $r->{body};
    return $r;
}

# --- what operators do ---------------------------------------------------------------------

my %by_api = (serviceType => 'claude', baseUrls => ["$up/at/overlay"], apiKeys => [ $secret{'key by the API'} ], models => [ 'overlay/*', 'all/*' ],
    headers => { 'X-Wide' => $secret{'field by the API'} }, breaker => 'Off', cooldown => 'Off',
    modelMapping => { map { ; "overlay/$_" => "script:secrets_wide/$_" } qw(401 400 500 500-json stream garbage redirect) });
manage(201, POST => '/api/channels', { name => 'overlay', %by_api });
manage(201, POST => '/api/channels/itself/keys', { apiKey => $secret{'key added by the API'} });
my $refused = $secret{'key that was refused'};
for my $wrong ({ priority => 'high' }, { timeouts => { idle => $refused } }, { apiKeys => [ $refused, $refused ] }, { apiKeys => [ $refused, 7 ] },
    { apiKeys => [ "$refused\n" ] }, { apiKeys => { key => $refused } }, { proxy => "ftp://me:$refused\@proxy.example:99" },
    { proxy => "http://me:$refused\@" }, { baseUrls => ["https://me:$refused\@example.com/"] }, { headers => { Authorization => "Bearer $refused" } },
    { headers => { "X-$refused " => $refused } }, { headers => { 'X-Y' => "$refused\r\n" } }, { headers => [$refused] }, { keysDisabled => [7] },
    { status => $refused }, { auth => $refused }, { keysAdded => $refused }) {
    my %channel = (serviceType => 'claude', baseUrls => ['https://example.com'], apiKeys => [$refused], %$wrong);
    my ($member) = keys %$wrong;
    manage(400, POST => '/api/channels', { name => "wrong-$member", %channel });
    my $r = get("validate $member", method => 'POST', path => '/manage/api/config/validate', headers => [ @json,
        'X-Api-Key' => $secret{'access key of ops'} ], body => encode({ version => 1, revision => 1, channels => { "wrong-$member" => \%channel } }));
    cmp_ok $r->{status}, '<', 500, "validate $member: $r->{status}";
}
manage(400, POST => '/api/channels', qq({"name":"half","apiKeys":["$refused"]));
manage(409, POST => '/api/channels/itself/keys', { apiKey => $secret{'key added by the API'} });
my %carol = (Authorization => 'Basic ' . encode_base64("carol:$secret{'password of carol'}", ''));
is get('basic', path => '/basic/api/channels', headers => [%carol])->{status}, 200, 'a password';
is get('basic, wrong', path => '/basic/api/channels', headers => [ Authorization => 'Basic ' . encode_base64("carol:$refused", '') ])->{status},
    401, 'a wrong password';

# --- what clients do -----------------------------------------------------------------------

my $alice = $secret{'access key of alice'};
my %shown = ('x-api-key' => [ 'X-Api-Key' => $alice ], bearer => [ Authorization => "Bearer $alice" ], google => [ 'X-Goog-Api-Key' => $alice ],
    azure => [ 'Api-Key' => $alice ], cookie => [ 'X-Api-Key' => $alice, Cookie => "session=$alice" ], query => []);
my %path = (messages => '/v1/messages', chat => '/v1/chat/completions', responses => '/v1/responses', gemini => undef);

sub body_for {
    my ($dialect, $model, $stream) = @_;
    my $call = encode({ city => $said{'arguments of a tool'} });
    return {
        model => $model, max_tokens => 50, stream => $stream ? $true : JSON::PP::false(), system => $said{'a system prompt'}, messages => [
            { role => 'user', content => $said{'a prompt'} },
            { role => 'assistant', content => [ { type => 'tool_use', id => 'toolu_1', name => 'look', input => decode($call) } ] },
            { role => 'user', content => [ { type => 'tool_result', tool_use_id => 'toolu_1', content => $said{'the result of a tool'} } ] } ],
    } if $dialect eq 'messages';
    return {
        model => $model, stream => $stream ? $true : JSON::PP::false(), messages => [ { role => 'user', content => $said{'a prompt'} },
            { role => 'system', content => $said{'a system prompt'} },
            { role => 'assistant', content => undef, tool_calls => [ { id => 'call_1', type => 'function',
                        function => { name => 'look', arguments => $call } } ] },
            { role => 'tool', tool_call_id => 'call_1', content => $said{'the result of a tool'} } ],
    } if $dialect eq 'chat';
    return { model => $model, stream => $stream ? $true : JSON::PP::false(), input => $said{'a prompt'}, instructions => $said{'a system prompt'} };
}

sub ask {
    my ($name, $dialect, $model, $stream, %more) = @_;
    my $how = $more{how} // 'x-api-key';
    my $at = ($more{below} // '') . $path{$dialect} . ($how eq 'query' ? "?key=$alice" : '');
    my $r = request(hostport => $hostport, method => 'POST', path => $at, headers => [ @json, @{ $shown{$how} } ],
        body => encode(body_for($dialect, $model, $stream)));
    # An upstream may answer the user with what the user said.
    my $answer = join "\n", (map { "$_: $r->{headers}{$_}" } sort keys %{ $r->{headers} }), $r->{body};
    seen("client: $name", $answer);
    return $r;
}

upstream_reset();
my @channels = qw(itself file environment program proxy overlay);
for my $channel (@channels, 'tls') {
    for my $dialect (qw(messages chat responses)) {
        my $r = ask("$channel, $dialect", $dialect, "$channel/fine", 0);
        is $r->{status}, 200, "$channel, $dialect: answered" or diag $r->{body};
    }
}
for my $channel (@channels) {
    for my $script (qw(401 400 500 500-json stream garbage redirect)) {
        my $stream = $script eq 'stream';
        my $r = ask("$channel, $_, $script", $_, "$channel/$script", $stream) for qw(messages chat);
    }
}
ask('all', $_, 'all/500-json', 1) for qw(messages chat responses);
ask("shown as $_", 'messages', 'itself/fine', 0, how => $_) for sort keys %shown;
ask("logged, $_", 'messages', "itself/$_", 0, below => '/logged') for qw(fine 401 400 500-json stream);
is get('a wrong key', method => 'POST', path => '/v1/messages', headers => [ @json, 'X-Api-Key' => "$refused-not" ], body => '{}')->{status}, 401,
    'a wrong key';

# The upstream had them all: nothing below is clean for want of a secret.
{
    my $sent = join "\n", map { (map { "$_->[0]: $_->[1]" } @{ $_->{headers} }), body_of($_) // '' } upstream_log();
    my %had = map { $_ => 1 } found($secrets, $sent), found($prompts, $sent);
    ok $had{$_}, "the upstream had the $_" for grep { !/refused|broken|collector|access|carol|TLS/ } sort keys %secret, keys %said;
    is_deeply [ grep { $had{$_} } 'access key of alice', 'access key of ops', 'password of carol' ], [], '... and no key of a client';
}

# --- what operators see ----------------------------------------------------------------------

my $api = manage(200, GET => '/api/openapi.json')->{json};
for my $path (sort grep { $api->{paths}{$_}{get} } keys %{ $api->{paths} }) {
    my $at = $path =~ s/\{name\}/itself/r;
    if ($at =~ /\{id\}/) {
        my $id = manage(200, GET => '/api/channels/itself')->{json}{apiKeys}[0]{id};
        $at =~ s/\{id\}/$id/;
    }
    my $r = get("GET $at", path => "/manage$at", headers => [ 'X-Api-Key' => $secret{'access key of ops'} ]);
    is $r->{status}, 200, "GET $at" or diag $r->{body};
}
like get('as configuration', path => '/manage/api/config?format=conf', headers => [ 'X-Api-Key' => $secret{'access key of ops'} ])->{body},
    qr/ChannelKey/, 'channels as configuration';
manage(200, POST => '/api/route', { model => 'all/fine' });
manage(200, GET => '/api/requests?limit=1000');
get("$_", path => "/$_") for qw(server-status server-status?auto server-info server-info?config server-info?list claude-status claude-metrics);
like $dump{'answer: server-info'}, qr/ChannelKey/, 'server-info shows the directives';
like $dump{'answer: claude-metrics'}, qr/claude_proxy_/, 'claude-metrics shows metrics';
for my $what (qw(CONFIG VHOSTS RUN_CFG MODULES INCLUDES)) {
    my $text = qx($server->{vars}{httpd} -f $dir/httpd.conf -t -D DUMP_$what 2>&1);
    seen("DUMP_$what", $text);
    like $text, qr/itself/, 'DUMP_CONFIG shows the channels' if $what eq 'CONFIG';
}

# A file that somebody broke by hand; the log tells so. It does quote what is wrong where no secret belongs.
{
    my $good = slurp("$dir/state/channels.json");
    my $broken = $secret{'key in a broken file'};
    my $told = 0;
    for my $text (qq({"version":1,"revision":9,"channels":{"x":{"apiKeys":"$broken"}}}), qq({"version":1,"revision":9,"channels":{"x":{"apiKeys":["$broken"}}),
        qq({"version":1,"revision":9,"channels":{"x":{"serviceType":"claude","baseUrls":["https://a:$broken\@example.com"]}}}),
        qq({"version":1,"revision":9,"channels":{"x":{"serviceType":"claude","proxy":"ftp://a:$broken\@proxy"}}}),
        qq({"version":1,"revision":9,"channels":{"x":{"headers":{"X-Y":"$broken\\n"}}}})) {
        spill("$dir/state/new", $text);
        chmod 0600, "$dir/state/new";
        rename "$dir/state/new", "$dir/state/channels.json" or die "channels.json: $!\n";
        ok wait_for(5, sub { (() = $server->error_log =~ /CLP2401/g) > $told }), 'a broken overlay is told';
        $told = () = $server->error_log =~ /CLP2401/g;
        get('status of a broken overlay', path => '/claude-status');
        get('channels beside a broken overlay', path => '/manage/api/channels', headers => [ 'X-Api-Key' => $secret{'access key of ops'} ]);
        get('a change beside a broken overlay', method => 'PATCH', path => '/manage/api/channels/itself', body => '{"priority":3}',
            headers => [ @json, 'X-Api-Key' => $secret{'access key of ops'} ]);
    }
    spill("$dir/state/new", $good);
    chmod 0600, "$dir/state/new";
    rename "$dir/state/new", "$dir/state/channels.json" or die "channels.json: $!\n";
}

# --- memory and processes ----------------------------------------------------------------------

ok wait_for(5, sub { -s "$dir/state/state.snapshot" }), 'the state is in a file';
ok wait_for(5, sub { -s "$files/collector/requests" }), 'the collector has spans';

# Every part that processes share, once; undef where that cannot be read.
sub shared_memory_of {
    my (@pids) = @_;
    my ($text, %done) = ('');
    for my $pid (@pids) {
        open my $maps, '<', "/proc/$pid/maps" or return;
        open my $mem, '<:raw', "/proc/$pid/mem" or return;
        no warnings 'portable';
        while (my $line = <$maps>) {
            my ($from, $to, $mode, $device, $inode) = $line =~ /^(\w+)-(\w+) (\S{4}) \w+ (\S+) (\d+)/ or next;
            next if $mode !~ /^r..s/ || $done{"$device $inode $from"}++;
            my ($at, $left) = (hex $from, hex($to) - hex $from);
            sysseek $mem, $at, 0 or return;
            while ($left > 0) {
                my $n = sysread $mem, my $part, $left > 1 << 20 ? 1 << 20 : $left or last;
                $text .= $part;
                $left -= $n;
            }
        }
    }
    return $text;
}

my @pids = ($server->pid, $server->children);
cmp_ok scalar @pids, '>=', 3, 'a parent and children';
SKIP: {
    my $shared = shared_memory_of(@pids);
    skip 'the memory of other processes cannot be read here', 1 if !defined $shared;
    like $shared, qr/environment/, 'shared memory has names of channels';
    seen('shared memory', $shared);
}
for my $file (glob '/dev/shm/*') {
    seen("file $file", slurp($file)) if -f $file && -r _ && -s _ < 1 << 26;
}
for my $pid (@pids) {
    seen("arguments of $pid", slurp("/proc/$pid/cmdline"));
    my $environment = slurp("/proc/$pid/environ");
    is scalar($environment =~ s/CLP_WIDE_KEY=\Q$secret{'key in the environment'}\E//), 1, "process $pid: the variable that was set" if $environment;
    seen("environment of $pid", $environment);
}

# What is kept in redis: conversations, but no key.
{
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $redis) or die "redis: $@\n";
    my $reply = sub {
        print {$socket} join '', '*' . @_ . "\r\n", map { '$' . length($_) . "\r\n$_\r\n" } @_;
        my $read = sub {
            my ($self) = @_;
            my $line = <$socket> // '';
            return $1 < 0 ? () : do { read $socket, my $value, $1 + 2; substr $value, 0, -2 } if $line =~ /^\$(-?\d+)/;
            return map { $self->($self) } 1 .. $1 if $line =~ /^\*(\d+)/;
            return $line;
        };
        return $read->($read);
    };
    my $stored = join "\n", map { ($_, $reply->('GET', $_)) } $reply->('KEYS', '*');
    is_deeply [ grep { $_ eq 'a prompt' } found($prompts, $stored) ], ['a prompt'], 'redis has a conversation';
    is_deeply [ found($secrets, $stored) ], [], '... and no secret';
}

$server->graceful;
get("$_, later", path => "/$_") for qw(server-status claude-status);
$server->stop;

is_deeply [ grep { /:(?:error|crit|alert|emerg)\]|exit signal/ && !/AH01617|CLP2401/ } split /\n/, $server->error_log ], [], 'nothing alarming in the log';

# --- files --------------------------------------------------------------------------------------

my %file;
File::Find::find({ no_chdir => 1, wanted => sub { $file{ substr $_, length($dir) + 1 } = slurp($_) if -f } }, $dir);
delete $file{'httpd.conf'};
ok $file{$_}, "there is $_" for qw(error_log access_log audit_log body_log state/channels.json state/state.snapshot);
my %in_overlay = map { $_ => 1 } 'key by the API', 'key added by the API', 'field by the API', 'key in a broken file';
for my $name (sort keys %file) {
    if ($name =~ m{^state/(?:channels\.json|backups/)}) {
        my @stat = stat "$dir/$name";
        is $stat[2] & 07777, 0600, "$name: for its owner only";
        is_deeply [ grep { !$in_overlay{$_} } found($secrets, delete $file{$name}) ], [], '... with keys that came by the API, and no other';
        next;
    }
    seen("file $name", $file{$name});
}
is_deeply [ grep { /key/ } found($secrets, slurp("$files/collector/requests")) ], ['key for the collector'], 'the collector has its own key, and no other';
is_deeply [ found($prompts, slurp("$files/collector/requests")) ], [], '... and nothing of what was said';
my %logged = map { $_ => 1 } found($prompts, $dump{'file body_log'});
ok $logged{'a prompt'}, 'the body log has what was said';

# --- the search -----------------------------------------------------------------------------------

for my $name (sort keys %dump) {
    # Who sends a key in a wrong place is told what is wrong there; nobody else is.
    my $own = $name =~ /^answer: (?:validate|POST \/api\/channels$)/ ? 'key that was refused' : '';
    is_deeply [ grep { $_ ne $own } found($secrets, $dump{$name}) ], [], "$name: no secret" or diag_part($name, $secrets);
    next if $name =~ /^client: / || $name eq 'file body_log';
    is_deeply [ found($prompts, $dump{$name}) ], [], "$name: nothing of what was said" or diag_part($name, $prompts);
}

sub diag_part {
    my ($name, $search) = @_;
    my ($part) = $dump{$name} =~ /(.{0,120}(?:$search->[0]).{0,40})/s;
    return diag $part =~ s/[^\x20-\x7e]/./gr;
}
done_testing;
