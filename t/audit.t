#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# ClaudeAuditLog: who changed what over the admin API, or tried to, a line for each; no secret in it.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Server;
use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Test::More;

my $perl = $^X;
my $cat = top() . '/t/lib/slow_cat.pl';
my $server = ClaudeTest::Server->new('audit', ClaudeTest::Server::modules(qw(authz_user auth_basic authn_anon)) . <<"END");
ServerLimit 3
StartServers 3
ThreadsPerChild 4
MaxRequestWorkers 12
ClaudeStateDir state
ClaudeAuditLog audit.jsonl
<ClaudeChannel conf>
    ChannelService claude
    ChannelURL http://127.0.0.1:9
    ChannelKey planted-audit-conf-0123456789
</ClaudeChannel>
<Location /manage>
    SetHandler claude-admin
    AuthType ClaudeKey
    AuthName admin
    Require user ops
    AuthzSendForbiddenOnFailure On
    ClaudeAccessKey ops ops-key
    ClaudeAccessKey guest guest-key
</Location>
<Location /anyone>
    SetHandler claude-admin
    AuthType Basic
    AuthName admin
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Require valid-user
</Location>
<Location /closed>
    SetHandler claude-admin
</Location>
<Location /small>
    SetHandler claude-admin
    ClaudeRequireUser Off
    LimitRequestBody 10
</Location>
<VirtualHost *>
    ServerName file
</VirtualHost>
<VirtualHost *>
    ServerName piped
    ClaudeAuditLog "|$perl $cat piped.jsonl"
</VirtualHost>
<VirtualHost *>
    ServerName off
    ClaudeAuditLog Off
</VirtualHost>
<VirtualHost *>
    ServerName full
    ClaudeAuditLog /dev/full
</VirtualHost>
END
$server->start or BAIL_OUT('no server');
my $dir = $server->dir;
my @ops = ('X-Api-Key' => 'ops-key');
my @json = ('Content-Type' => 'application/json');

sub lines {
    my ($name) = @_;
    open my $fh, '<', "$dir/$name" or return;
    return <$fh>;
}

sub call {
    my ($method, $path, $body, @headers) = @_;
    return request(hostport => $server->hostport, method => $method, path => $path,
        headers => [ { @headers }->{Host} ? () : (Host => 'file'), { @headers }->{'Content-Type'} || !defined $body ? () : @json, @headers ],
        defined $body ? (body => ref $body ? encode($body) : $body) : ());
}

# The lines that a call has left.
sub left {
    my ($n, @call) = @_;
    my $before = () = lines('audit.jsonl');
    my $r = call(@call);
    my @new = (lines('audit.jsonl'))[ $before .. scalar(() = lines('audit.jsonl')) - 1 ];
    # What httpd refused by itself is noted after its answer.
    @new = wait_for(3, sub { my @all = lines('audit.jsonl'); @all > $before && [ @all[ $before .. $#all ] ] }) || [] if $n && !@new;
    @new = @{ $new[0] } if ref $new[0];
    is scalar @new, $n, "$call[0] $call[1]: $r->{status} leaves $n" or diag "@new", $r->{body};
    return ($r, map { decode($_) } @new);
}

# --- each operation ---------------------------------------------------------------------
my $api = call(GET => '/manage/api/openapi.json', undef, @ops)->{json};
my $writes = 0;
for my $known (sort keys %{ $api->{paths} }) {
    for my $method (map { uc } sort keys %{ $api->{paths}{$known} }) {
        my $op = $api->{paths}{$known}{ lc $method };
        my $write = grep { ($_->{'$ref'} // '') =~ /ifMatch/ } @{ $op->{parameters} || [] };
        my $path = '/manage' . $known =~ s/\{name\}/nobody/r =~ s/\{id\}/0123456789abcdef/r;
        my ($r, $line) = left($write ? 1 : 0, $method, $path, $method =~ /^P/ ? '{}' : undef, @ops);
        next if !$write || !$line;
        $writes++;
        is "$line->{method} $line->{path} $line->{status}", "$method $path $r->{status}", '... as it was';
    }
}
cmp_ok $writes, '>', 8, 'operations that write were found';

my $file = "$dir/state/channels.json";
unlink $file;
ok wait_for(5, sub { call(GET => '/manage/api/channels', undef, @ops)->{json}{revision} == 0 }), 'from the beginning';
my $key = 'planted-audit-new-0123456789';
my $id = substr sha256_hex($key), 0, 16;
my $c = '/manage/api/channels';
my @done = (
    [ POST => $c, { name => 'new', serviceType => 'claude', baseUrls => ['http://127.0.0.1:9'],
            apiKeys => [ $key, 'planted-audit-two-0123456789' ], headers => { 'X-Planted' => 'planted-audit-field-0123456789' } },
        'channel new added' ],
    [ PUT => "$c/new", { serviceType => 'claude', baseUrls => ['http://127.0.0.1:9'], apiKeys => [$key] }, 'channel new replaced' ],
    [ PATCH => "$c/new", { priority => 5, proxy => 'http://u:planted-audit-proxy-0123456789@127.0.0.1:9' },
        'channel new: changed priority, proxy' ],
    [ PATCH => "$c/new/status", { status => 'suspended' }, 'channel new is suspended' ],
    [ POST => "$c/new/keys", { apiKey => 'planted-audit-three-0123456789' }, 'channel new: 1 keys added' ],
    [ POST => "$c/new/keys/$id/bottom", {}, "channel new: key $id is taken last" ],
    [ POST => "$c/new/keys/$id/disable", {}, "channel new: key $id disabled" ],
    [ DELETE => "$c/new/keys/$id", undef, "channel new: key $id removed" ],
    [ POST => "$c/reorder", { order => ['new'] }, 'channels reordered' ],
    [ DELETE => "$c/new", undef, 'channel new removed' ],
);
my $digest;
for my $i (0 .. $#done) {
    my ($method, $path, $body, $did) = @{ $done[$i] };
    my ($r, $line) = left(1, $method, $path, $body, @ops);
    is $line->{did}, $did, "... $did" or diag $r->{body};
    is_deeply $line->{revision}, { before => $i, after => $i + 1 }, '... of which revision it made which';
    is $line->{sha256}{before}, $digest, '... of what was there' if $digest;
    $digest = sha256_hex(do { local $/; open my $fh, '<', $file or die "$file: $!\n"; <$fh> });
    is $line->{sha256}{after}, $digest, '... what is there now';
    is "$line->{user} $line->{client} $line->{id}", "ops 127.0.0.1 $r->{headers}{'x-claude-proxy-request'}", '... who';
    is $line->{error}, undef, '... and no error';
    like $line->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, '... when';
}

# --- what was refused ----------------------------------------------------------------------
my $basic = encode_base64("ann \"the\n\x01ops\\\": x", '');
my @refused = (
    # What, how it is asked, status, code, user, message.
    [ 'an error', [ PATCH => "$c/conf", { priority => 'planted-audit-value-0123456789' }, @ops ], 400, 'invalid', 'ops', qr/^priority: / ],
    [ 'half a document', [ PATCH => "$c/conf", '{"apiKeys": ["planted-audit-half-0123456789', @ops ], 400, 'invalid', 'ops', qr/./ ],
    [ 'another revision', [ PATCH => "$c/conf", {}, @ops, 'If-Match' => '"1"' ], 412, 'stale', 'ops', qr/revision 10/ ],
    [ 'a name that is taken', [ POST => $c, { name => 'conf' }, @ops ], 409, 'conflict', 'ops', qr/PUT or PATCH/ ],
    [ 'no such channel', [ DELETE => "$c/nobody", undef, @ops ], 404, 'not_found', 'ops', qr/no channel/ ],
    [ 'a key called by itself', [ DELETE => "$c/conf/keys/planted-audit-path-0123456789", undef, @ops ], 404, 'not_found', 'ops', qr/by the id/ ],
    [ 'a large document', [ PATCH => "$c/conf", 'x' x (4 * 1024 * 1024 + 1), @ops ], 413, 'too_large', 'ops', qr/4 MiB/ ],
    [ 'another type', [ PATCH => "$c/conf", 'x', @ops, 'Content-Type' => 'text/plain' ], 415, 'unsupported_media_type', 'ops', qr/application/ ],
    [ 'who is not required', [ DELETE => "$c/conf", undef, 'X-Api-Key' => 'guest-key' ], 403, 'forbidden', 'guest', qr/before it came/ ],
    [ 'a wrong key', [ DELETE => "$c/conf", undef, 'X-Api-Key' => 'planted-audit-login-0123456789' ], 401, 'unauthenticated', undef, qr/before it came/ ],
    [ 'nobody', [ DELETE => '/closed/api/channels/conf', undef ], 401, 'unauthenticated', undef, qr/who they are/ ],
    [ 'a page of another site', [ DELETE => '/anyone/api/channels/nobody', undef, Authorization => "Basic $basic", Origin => 'http://evil.example' ],
        403, 'forbidden', "ann \"the\n\x01ops\\\"", qr/another site/ ],
    [ 'a limit of httpd', [ PATCH => '/small/api/channels/conf', { priority => 10_000 } ], 413, 'too_large', undef, qr/body/ ],
);
for my $one (@refused) {
    my ($what, $call, $status, $code, $user, $message) = @$one;
    my ($r, $line) = left(1, @$call);
    is $r->{status}, $status, "$what: $status" or diag $r->{body};
    is "$line->{status} $line->{error}{code}", "$status $code", '... so says the line';
    is $line->{user}, $user, '... who tried';
    like $line->{error}{message}, $message, '... and why not';
    is_deeply [ $line->{did}, $line->{revision}{after}, $line->{sha256}{after} ], [ undef, undef, undef ], '... nothing was done';
}
is((grep { $_->{path} eq "$c/conf/keys/****" } map { decode($_) } lines('audit.jsonl')) + 0, 1, 'the key in a path is not told');
left(0, @$_) for [ GET => $c, undef, 'X-Api-Key' => 'guest-key' ], [ GET => '/closed/api/channels' ], [ OPTIONS => "$c/x", undef, @ops ],
    [ DELETE => '/manage/api/config', undef, @ops ], [ DELETE => '/manage/api/nothing', undef, @ops ];

# --- other places -----------------------------------------------------------------------------
sub change { return call(PATCH => "$c/conf", { priority => $_[1] }, @ops, Host => $_[0]) }
is change('off', 6)->{status}, 200, 'without a log of its own';
my ($told) = $server->error_log =~ /\[claude_proxy:notice\] .*CLP2410: audit: (\{.*\})/;
is decode($told // '')->{did}, 'channel conf: changed priority', 'the error log tells';
is change('full', 7)->{status}, 200, 'a log that takes nothing';
my @told = $server->error_log =~ /\[claude_proxy:error\] .*CLP2410: the audit log did not take this: (\{.*\})/g;
is decode($told[0] // '')->{did}, 'channel conf: changed priority', 'the error log tells, as an error';
is change('full', 8)->{status}, 200, 'and the next';
@told = $server->error_log =~ /CLP2410: the audit log did not take this: (\{.*\})/g;
is scalar @told, 2, 'is told too';
my @kids;
for my $k (1 .. 4) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        change('piped', 10 * $k + $_) for 1 .. 5;
        POSIX::_exit(0);
    }
    push @kids, $pid;
}
waitpid $_, 0 for @kids;
ok wait_for(10, sub { 20 == grep { $_ && $_->{status} == 200 } map { decode($_) } lines('piped.jsonl') }), 'a program gets whole lines'
    or diag lines('piped.jsonl');

# --- what must not be there ----------------------------------------------------------------------
my $all = join '', lines('audit.jsonl'), lines('piped.jsonl'), $server->error_log;
unlike $all, qr/planted-audit-/, 'no secret in any log';
unlike join('', lines('audit.jsonl')), qr/[\x00-\x09\x0b-\x1f\x7f]/, 'no control character in the lines';
is((stat "$dir/audit.jsonl")[2] & 077, 0, 'the file is for its owner alone');
done_testing;
