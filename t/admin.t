#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# The admin API, as docs/openapi.json describes it: every operation, every status that it promises,
# every answer checked against its schema; and as a new administrator would use it.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Schema qw(misfits resolve);
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock);
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);

my $state = logs_dir() . '/state';
my $file = "$state/channels.json";
my $at = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream} . '/at';
my $api;     # the document
my %seen;    # "METHOD path status" -> 1
my @answers; # all bytes that came
my @ops = ('X-Api-Key' => 'ops-key');

sub file_lines {
    my ($path) = @_;
    open my $fh, '<', $path or die "$path: $!\n";
    return <$fh>;
}

sub id_of { return substr sha256_hex($_[0]), 0, 16 }

# The operation of a method and path, which may hold names.
sub operation {
    my ($method, $path) = @_;
    $path =~ s/\?.*//;
    for my $known (sort { ($a =~ tr/{//) <=> ($b =~ tr/{//) } keys %{ $api->{paths} }) {
        my $pattern = $known =~ s/\{\w+\}/[^\/]+/gr;
        return ($known, $api->{paths}{$known}{ lc $method })
            if $path =~ /^$pattern$/ && $api->{paths}{$known}{ lc $method };
    }
    return;
}

# Note an answer down; what does not fit the document is a failure.
sub look {
    my ($method, $path, $r) = @_;
    push @answers, map { "$_: $r->{headers}{$_}" } keys %{ $r->{headers} };
    push @answers, $r->{body};
    my ($known, $op) = operation($method, $path) or return $r;
    my $told = $op->{responses}{ $r->{status} };
    if (!$told) {
        fail "$method $known: status $r->{status} is not promised";
        diag $r->{body};
        return $r;
    }
    $seen{"$method $known $r->{status}"} = 1;
    my $content = resolve($told, $api)->{content};
    my ($type) = ($r->{headers}{'content-type'} // '') =~ /^([^;]+)/;
    if (!$type || !$content->{$type}) {
        fail "$method $known $r->{status}: a document of " . ($type // 'no type');
    }
    elsif ($type eq 'application/json') {
        my @wrong = misfits($r->{json}, $content->{$type}{schema}, $api);
        is "@wrong", '', "$method $path $r->{status}: fits its schema" if @wrong;
    }
    return $r;
}

# A call as "ops": call(METHOD => path, document, headers...).
sub call {
    my ($method, $path, $body, @headers) = @_;
    my @json = defined $body ? ('Content-Type' => 'application/json') : ();
    my $r = request(vhost => 'admin', method => $method, path => "/manage$path",
        headers => [ @ops, @json, @headers ], defined $body ? (body => ref $body ? encode($body) : $body) : ());
    return look($method, $path, $r);
}

sub done {
    my ($status, @call) = @_;
    my $r = call(@call);
    is $r->{status}, $status, "$call[0] $call[1]: $status" or diag $r->{body};
    return $r;
}

sub wrong {
    my ($status, $path, $message, @call) = @_;
    my $r = done($status, @call);
    my $error = ($r->{json} || {})->{error} || {};
    is $error->{path} // '', $path, "... about '$path'";
    like $error->{message} // '', $message, '... says why';
    return $r;
}

$api = request(vhost => 'admin', path => '/manage/api/openapi.json', headers => [@ops])->{json};
ok $api && $api->{openapi}, 'the document is served';
done(200, GET => '/api/openapi.json');

# A document for each operation that takes one, which would do (t/check/openapi.t looks that none is missing).
my %example = map { my $row = decode($_); ($row->{operation} => $row) } file_lines(top() . '/t/cases/admin.jsonl');
my %body = map { $_ => '{}' } qw(POST PUT PATCH);

# Each operation with a path: {name} and {id} filled in.
my @all;    # [METHOD, path]
for my $path (sort keys %{ $api->{paths} }) {
    push @all, [ uc $_, $path =~ s/\{name\}/nobody/r =~ s/\{id\}/0123456789abcdef/r, $path ]
        for sort keys %{ $api->{paths}{$path} };
}
my @writes = grep { my (undef, $op) = operation(@$_[0, 1]); $op->{responses}{500} } @all;
cmp_ok scalar(@writes), '>', 8, 'operations that write are found';

# --- who may ask, and how: the same for all -----------------------------------------
expect_log('AH01631: user guest: authorization failure for "/manage/');
for my $one (@all) {
    my ($method, $path) = @$one;
    my @json = $body{$method} ? ('Content-Type' => 'application/json') : ();
    my %ask = (vhost => 'admin', method => $method, path => "/manage$path", body => $body{$method});
    my $r = look($method, $path, request(%ask, headers => \@json));
    is $r->{status}, 401, "$method $path: 401 without a key";
    ok $r->{headers}{'www-authenticate'}, '... with a challenge';
    $r = look($method, $path, request(%ask, headers => [ @json, 'X-Api-Key' => 'guest-key' ]));
    is $r->{status}, 403, "$method $path: 403 for who is not required";
    is $r->{json}{error}{code}, 'forbidden', '... in the shape of errors';
    if ($one->[2] =~ /\{name\}/ && "$method $one->[2]" ne 'PUT /api/channels/{name}') {
        is call($method, $path, $body{$method} && $example{"$method $one->[2]"}{document})->{status}, 404, "$method $path: 404 for nobody";
    }
    next if !$body{$method};
    $r = look($method, $path, request(%ask, headers => [ @ops, 'Content-Type' => 'text/plain' ]));
    is $r->{status}, 415, "$method $path: 415 for another type";
    $r = look($method, $path, request(%ask, body => '{"a":', headers => [ @json, @ops ]));
    is $r->{status}, 400, "$method $path: 400 for half a document";
    $r = look($method, $path, request(%ask, body => 'x' x (4 * 1024 * 1024 + 1), headers => [ @json, @ops ]));
    is $r->{status}, 413, "$method $path: 413 for a large one";
    $r = look($method, $path, request(%ask, body => 'x' x (4 * 1024 * 1024), headers => [ @json, @ops ]));
    is $r->{status}, 400, "$method $path: one that is just not too large is read";
}
for my $bad ([ '[1]', '', qr/object/ ], [ '{"name":"x","name":"y"}', 'name', qr/twice/ ],
    [ "{\"name\":\"a\\u0000b\"}", 'name', qr/NUL/ ], [ "\"\xff\"", '', qr/UTF-8/ ], [ '{} x', '', qr/more bytes/ ],
    [ '[' x 40, '', qr/deep/ ]) {
    wrong(400, $bad->[1], $bad->[2], POST => '/api/channels', $bad->[0]);
}
is request(vhost => 'admin', method => 'POST', path => '/manage/api/channels', chunked => 1,
    body => '{"a":"' . 'x' x 10_000_000 . '"}', headers => [ @ops, 'Content-Type' => 'application/json' ])->{status},
    413, '10 MB in chunks';

# Sent by a page of another site, with what a browser adds by itself.
my @carol = (Authorization => 'Basic ' . encode_base64('carol:carol-pass', ''));
my $explain = sub {
    my (@headers) = @_;
    return request(vhost => 'admin', method => 'POST', path => '/basic/api/route', body => '{}',
        headers => [ @carol, @headers ])->{status};
};
my @json = ('Content-Type' => 'application/json');
is $explain->(@json), 200, 'Basic and JSON, no browser';
is $explain->(@json, Origin => 'http://evil.example'), 403, 'a foreign Origin';
is $explain->(@json, Origin => 'null'), 403, 'an Origin of nowhere';
is $explain->(@json, Origin => 'http://localhost:1'), 403, 'another port';
is $explain->(@json, Origin => 'http://localhost'), 200, 'its own Origin';
is $explain->(@json, Origin => 'https://localhost'), 200, 'its own behind TLS';
is $explain->(@json, Origin => 'http://localhost', Host => 'localhost:80'), 200, 'its own with the port said';
is $explain->(@json, 'Sec-Fetch-Site' => 'cross-site'), 403, 'cross-site';
is $explain->(@json, 'Sec-Fetch-Site' => 'same-site'), 403, 'same-site';
is $explain->(@json, 'Sec-Fetch-Site' => 'same-origin'), 200, 'same-origin';
is $explain->('Content-Type' => 'application/x-www-form-urlencoded'), 415, 'a form';
is $explain->(), 415, 'no type';
is request(vhost => 'admin', method => 'POST', path => '/basic/api/channels/admin-conf/keys/x/top', headers => [@carol])->{status},
    415, 'nothing at all, as a form posts it';
is request(vhost => 'admin', method => 'POST', path => '/manage/api/route', body => '{}',
    headers => [ @ops, @json, Origin => 'http://evil.example' ])->{status}, 200, 'with a token from anywhere';
is request(vhost => 'admin', path => '/closed/api/channels')->{status}, 401, 'closed without a user';
is request(vhost => 'admin', path => '/open/api/channels')->{status}, 200, 'open if that is said';

# --- what is there --------------------------------------------------------------------
my $r = request(vhost => 'admin', path => '/manage/api/nothing', headers => [@ops]);
is $r->{status}, 404, 'an unknown path';
is $r->{json}{error}{code}, 'not_found', '... in the shape of errors';
$r = request(vhost => 'admin', method => 'DELETE', path => '/manage/api/config', headers => [@ops]);
is $r->{status}, 405, 'another method';
is $r->{headers}{allow}, 'GET, HEAD, OPTIONS', '... with those there are';
$r = request(vhost => 'admin', method => 'OPTIONS', path => '/manage/api/channels/x', headers => [@ops]);
is $r->{status}, 204, 'OPTIONS';
is $r->{headers}{allow}, 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS', '... tells methods';
$r = request(vhost => 'admin', method => 'HEAD', path => '/manage/api/channels', headers => [@ops]);
is $r->{status}, 200, 'HEAD';
for my $kind (qw(messages responses gemini chat)) {
    is call(GET => "/api/$kind/channels")->{status}, 200, "/api/$kind/channels is the same list";
}

$r = done(200, GET => '/api/channels');
my ($conf) = grep { $_->{name} eq 'admin-conf' } @{ $r->{json}{channels} };
like $conf->{definedIn}, qr/extra\.conf:\d+$/, 'a channel of the configuration, with its line';
like $conf->{origins}{priority}, qr/extra\.conf:\d+$/, 'so its priority';
isnt $conf->{origins}{priority}, $conf->{definedIn}, '... in a line of its own';
is $conf->{origins}{http2}, 'default', 'and what is nowhere said';
is_deeply [ map { $_->{status} } @{ $conf->{apiKeys} } ], [qw(active active)], 'its keys';
is $conf->{headers}{'X-Planted'}, '********', 'no value of a field';
is $r->{headers}{etag}, '"0"', 'revision 0';
wrong(404, '', qr/by their name/, GET => '/api/channels/0');
done(404, GET => '/api/channels/nobody');

# --- a new channel ------------------------------------------------------------------------
my @keys = map { "planted-admin-new-key-$_-0123456789" } qw(one two three);
my $new = { name => 'admin-new', serviceType => 'claude', baseUrls => ["$at/admin-new"],
    apiKeys => [ @keys[ 0, 1 ] ], models => ['admin-*'], priority => 5 };
$r = done(201, POST => '/api/channels', $new);
is $r->{headers}{location}, '/manage/api/channels/admin-new', 'told where it is';
is $r->{headers}{etag}, '"1"', 'revision 1';
is_deeply [ map { $_->{id} } @{ $r->{json}{channel}{apiKeys} } ], [ map { id_of($_) } @keys[ 0, 1 ] ], 'ids of its keys';
is $r->{json}{channel}{origin}, 'overlay', 'it is the overlay\'s';
wrong(409, 'name', qr/already/, POST => '/api/channels', $new);
wrong(409, 'name', qr/of the configuration/, POST => '/api/channels', { %$new, name => 'admin-conf' });
my @bad = (
    [ { name => 'a b' }, 'name' ], [ { name => 5 }, 'name' ], [ { name => 'metrics' }, 'name' ],
    [ { serviceType => 'x' }, 'serviceType' ], [ { serviceType => 5 }, 'serviceType' ],
    [ { baseUrls => 'http://x' }, 'baseUrls' ], [ { baseUrls => [5] }, 'baseUrls.0' ],
    [ { baseUrls => ['ftp://x'] }, 'baseUrls.0' ], [ { baseUrls => [ "http://x/\n" ] }, 'baseUrls.0' ],
    [ { baseUrls => [ 'http://x/' . 'y' x 9000 ] }, 'baseUrls.0' ],
    [ { priority => -1 }, 'priority' ], [ { priority => '1' }, 'priority' ], [ { priority => 1.5 }, 'priority' ],
    [ { status => 'banana' }, 'status' ], [ { models => 'x' }, 'models' ], [ { unknown => 1 }, 'unknown' ],
    [ { timeouts => { idle => 'soon' } }, 'timeouts' ], [ { timeouts => 5 }, 'timeouts' ],
    [ { modelMapping => [ 'a' ] }, 'modelMapping' ], [ { modelMapping => { a => 5 } }, 'modelMapping.a' ],
    [ { tlsVerify => 'yes' }, 'tlsVerify' ], [ { headers => { 'X-A' => 5 } }, 'headers.X-A' ],
    [ { headers => { 'X-A' => "a\nb" } }, 'headers.X-A' ], [ { options => { none => 1 } }, 'options' ],
    [ { apiKeys => ['file:/etc/passwd'] }, 'apiKeys.0' ], [ { apiKeys => ['env:HOME'] }, 'apiKeys.0' ],
    [ { apiKeys => ['exec:/bin/true'] }, 'apiKeys.0' ], [ { apiKeys => ["a b"] }, 'apiKeys.0' ],
    [ { apiKeys => [''] }, 'apiKeys.0' ], [ { apiKeys => [5] }, 'apiKeys.0' ],
    [ { tlsCAFile => '/etc/passwd' }, 'tlsCAFile' ], [ { proxy => 'x' }, 'proxy' ],
);
for my $bad (@bad) {
    my $r = call(POST => '/api/channels', { %$new, name => 'admin-bad', %{ $bad->[0] } });
    is $r->{status}, 400, encode($bad->[0]) =~ s/y{50,}/.../r . ': refused' or diag $r->{body};
    is $r->{json}{error}{path}, $bad->[1], '... with its path' or diag $r->{body};
}
wrong(400, '', qr/no ChannelURL/, POST => '/api/channels', { name => 'admin-bad', serviceType => 'claude' });
is done(200, GET => '/api/channels')->{json}{revision}, 1, 'none of that changed anything';

# It is asked, by every child.
sub asked {
    my ($n) = @_;
    upstream_reset();
    post('admin', '/v1/messages', messages_body('admin-model')) for 1 .. $n;
    my %to;
    $to{ $_->{path} =~ m{^/at/([\w-]+)} ? $1 : '' }++ for upstream_log();
    return join ' ', map { "$_ $to{$_}" } sort keys %to;
}
sub all_ask {
    my ($name, $what) = @_;
    return ok wait_for(3, sub { asked(10) eq "$name 10" }), $what;
}
all_ask('admin-new', 'the new channel is asked');
$r = done(200, POST => '/api/route', { protocol => 'messages', model => 'admin-model', set => 'admin-set' });
is_deeply [ map { $_->{channel} } @{ $r->{json}{channels} } ], [qw(admin-new admin-conf)], 'the dry run says so too';
is $r->{json}{channels}[0]{pick}, 'priority', '... and why';
wrong(400, 'protocol', qr/has to be/, POST => '/api/route', { protocol => 'x' });
wrong(400, 'set', qr/no set/, POST => '/api/route', { set => 'x' });
wrong(400, 'model', qr/string/, POST => '/api/route', { model => 5 });

# What requests.t looks at in depth.
done(200, GET => '/api/requests?limit=2');
wrong(400, 'limit', qr/number/, GET => '/api/requests?limit=0');

# --- changes -------------------------------------------------------------------------------
done(200, PATCH => '/api/channels/admin-new/status', { status => 'suspended' });
all_ask('admin-conf', 'a suspended channel is not');
wrong(400, 'status', qr/active/, PATCH => '/api/channels/admin-new/status', { status => 'banana' });
wrong(400, 'status', qr/active/, PATCH => '/api/channels/admin-new/status', { status => 5 });
wrong(400, 'x', qr/known/, PATCH => '/api/channels/admin-new/status', { x => 5 });
done(200, PATCH => '/api/channels/admin-new/status', { status => 'Active' });
all_ask('admin-new', 'active again');
$r = done(200, POST => '/api/channels/reorder', { order => [qw(admin-conf admin-new)] });
is $r->{json}{priorities}{'admin-conf'}, 1, 'in order: first';
is $r->{json}{priorities}{'admin-new'}, 2, 'second';
all_ask('admin-conf', 'the first is asked');
$r = done(200, PATCH => '/api/channels/admin-conf', { priority => undef, models => [ 'admin-*', 'more-*' ] });
is $r->{json}{channel}{priority}, 10, 'null: as the configuration has it';
is $r->{json}{channel}{origins}{models}, 'overlay', 'models are the overlay\'s now';
wrong(400, 'timeouts.idle', qr/string/, PATCH => '/api/channels/admin-conf', { timeouts => { idle => [] } });
wrong(400, 'name', qr/renamed/, PATCH => '/api/channels/admin-conf', { name => 'x' });

# --- promotion ----------------------------------------------------------------------------
my $promotion = '/api/channels/admin-conf/promotion';
sub promotion_of { return done(200, GET => "/api/channels/$_[0]")->{json}{promotion} }
all_ask('admin-new', 'first by priority');
$r = done(200, POST => $promotion, { duration => 3600 });
my $until = $r->{json}{promotionUntil};
is_deeply $r->{json}{channel}{promotion}, { until => $until }, 'a promotion is a setting of the channel';
like $r->{json}{message}, qr/before all others until \Q$until/, '... and told';
all_ask('admin-conf', 'the promoted channel is asked first');
is_deeply [ map { $_->{pick} } @{ done(200, POST => '/api/route', { set => 'admin-set' })->{json}{channels} } ],
    [qw(promotion priority)], '... as the dry run says';
is promotion_of('promoted')->{until}, '2100-01-01T00:00:00Z', 'one of another server keeps its own';
$r = done(200, POST => '/api/channels/admin-new/promotion', { until => '2099-01-01T01:00:00+01:00', protocols => 'chat' });
is $r->{json}{promotionUntil}, '2099-01-01T00:00:00Z', 'another one, for clients of one protocol';
is promotion_of('admin-conf')->{protocols}, 'messages,responses,gemini', '... takes it for these';
done(200, POST => '/api/channels/admin-new/promotion', { duration => 3600 });
is_deeply [ map { promotion_of($_) } qw(admin-conf promoted) ], [qw(Off Off)], 'for all: it takes what is left, everywhere';
all_ask('admin-new', '... and is asked');
done(200, POST => $promotion, { until => '2099-01-01T00:00:00Z' });
$r = done(200, POST => $promotion, { duration => 0 });
is $r->{json}{promotionUntil}, undef, '0 ends it';
is $r->{json}{channel}{origins}{promotion}, 'default', '... and leaves nothing';
done(200, POST => $promotion, { duration => 0.5 });
is done(200, POST => $promotion, { until => undef })->{json}{channel}{promotion}, 'Off', 'so does null';
for my $bad ([ { duration => 'x' }, 'duration' ], [ { duration => 366 * 86400 + 1 }, 'duration' ], [ {}, 'duration' ],
    [ { until => 'tomorrow' }, 'until' ], [ { until => '2020-01-01T00:00:00Z' }, 'until' ], [ { until => 5 }, 'until' ],
    [ { duration => 1, until => '2099-01-01T00:00:00Z' }, 'until' ], [ { duration => 1, protocols => 'x' }, 'protocols' ],
    [ { duration => 1, protocols => ['chat'] }, 'protocols' ], [ { duration => 1, x => 1 }, 'x' ]) {
    wrong(400, $bad->[1], qr/\w/, POST => $promotion, $bad->[0]);
}
done(200, POST => $promotion, { duration => 3600 });
is done(200, PATCH => '/api/channels/admin-conf/status', { status => 'suspended' })->{json}{channel}{promotion}, 'Off',
    'a suspended channel is not promoted any more';
wrong(409, '', qr/active first/, POST => $promotion, { duration => 3600 });
done(200, PATCH => '/api/channels/admin-conf', { status => undef });

# --- resume ---------------------------------------------------------------------------------
done(200, PATCH => '/api/channels/admin-conf/status', { status => 'suspended' });
my $told = done(200, GET => '/api/config')->{json}{revision};
$r = done(200, POST => '/api/channels/admin-conf/resume', {});
is $r->{json}{message}, 'channel admin-conf is active again', 'a suspended channel becomes active';
is_deeply $r->{json}{reset}, { circuits => 0, keys => 0, rest => JSON::PP::false() }, '... with nothing to reset';
isnt $r->{json}{channel}{origins}{status}, 'overlay', '... as the configuration says';
is $r->{json}{revision}, $told + 1, '... which is a change';
$r = done(200, POST => '/api/channels/admin-conf/resume');
is $r->{json}{revision}, $told + 1, 'an active one stays as it is';
is $r->{headers}{etag}, sprintf('"%d"', $told + 1), '... and so does the overlay';
done(412, POST => '/api/channels/admin-conf/resume', {}, 'If-Match' => "\"$told\"");
wrong(400, 'x', qr/known/, POST => '/api/channels/admin-conf/resume', { x => 1 });
my $key_resume = "/api/channels/admin-new/keys/" . id_of($keys[0]) . '/resume';
is done(200, POST => $key_resume, {})->{json}{message}, 'channel admin-new: key ' . id_of($keys[0]) . ' is reset', 'a key';
done(412, POST => $key_resume, {}, 'If-Match' => '"0"');
wrong(400, 'x', qr/known/, POST => $key_resume, { x => 1 });
wrong(404, '', qr/by the id/, POST => "/api/channels/admin-new/keys/$keys[0]/resume");
done(200, PATCH => '/api/channels/admin-conf/status', { status => 'disabled' });
is done(200, POST => '/api/channels/admin-conf/resume', {})->{json}{channel}{status}, 'disabled', 'a disabled one stays disabled';
done(200, PATCH => '/api/channels/admin-conf', { status => undef });

# What GET shows can be sent back.
$r = done(200, GET => '/api/channels/admin-conf');
my $view = $r->{json};
my $etag = $r->{headers}{etag};
$r = done(200, PUT => '/api/channels/admin-conf', { %$view, priority => 3 }, 'If-Match' => $etag);
is $r->{json}{channel}{priority}, 3, 'with another priority';
is_deeply [ sort map { $r->{json}{channel}{origins}{$_} eq 'overlay' ? $_ : () } keys %{ $view->{origins} } ],
    [qw(models priority)], 'nothing else became the overlay\'s';
done(412, PUT => '/api/channels/admin-conf', $view, 'If-Match' => $etag);
done(200, PUT => '/api/channels/admin-conf', {}, 'If-Match' => '*');
$r = done(201, PUT => '/api/channels/admin-other', { %$new, name => 'admin-other', status => 'disabled' });

# --- keys ------------------------------------------------------------------------------------
my $k = '/api/channels/admin-new/keys';
$r = done(201, POST => $k, { apiKey => $keys[2] });
is_deeply [ map { $_->{id} } @{ $r->{json}{channel}{apiKeys} } ], [ map { id_of($_) } @keys ], 'a key is added';
wrong(409, 'apiKeys.0', qr/has/, POST => $k, { apiKey => $keys[2] });
wrong(400, 'apiKeys.0', qr/empty/, POST => $k, { apiKey => '' });
wrong(400, 'apiKeys', qr/Say a key/, POST => $k, {});
wrong(400, 'apiKeys', qr/Say a key/, POST => $k, { apiKeys => [] });
wrong(400, 'apiKey', qr/Say a key/, POST => $k, { apiKey => 'x', apiKeys => ['y'] });
$r = done(200, POST => "$k/" . id_of($keys[2]) . '/top', {});
is $r->{json}{channel}{apiKeys}[0]{id}, id_of($keys[2]), 'to the top';
sub key_used {
    my ($key, $what) = @_;
    done(200, POST => '/api/channels/reorder', { order => [qw(admin-new admin-conf)] });
    return ok wait_for(3, sub {
        upstream_reset();
        post('admin', '/v1/messages', messages_body('admin-model')) for 1 .. 8;
        8 == grep { header_of($_, 'x-api-key') eq $key } upstream_log();
    }), $what;
}
key_used($keys[2], 'it is used first');
$r = done(200, POST => "$k/" . id_of($keys[2]) . '/bottom');
is $r->{json}{channel}{apiKeys}[2]{id}, id_of($keys[2]), 'to the bottom';
$r = done(200, POST => "$k/" . id_of($keys[0]) . '/disable');
is $r->{json}{channel}{apiKeys}[2]{status}, 'disabled', 'disabled';
key_used($keys[1], 'it is not used');
wrong(409, '', qr/enable it/, POST => "$k/" . id_of($keys[0]) . '/top');
$r = done(200, POST => "$k/" . id_of($keys[0]) . '/enable');
is $r->{json}{channel}{apiKeys}[0]{status}, 'active', 'enabled';
$r = done(200, DELETE => "$k/" . id_of($keys[0]));
is scalar @{ $r->{json}{channel}{apiKeys} }, 2, 'removed';
wrong(404, '', qr/by the id/, DELETE => "$k/" . id_of($keys[0]));
wrong(404, '', qr/by the id/, DELETE => "$k/$keys[1]");
my ($first) = map { $_->{id} } @{ $view->{apiKeys} };
$r = done(200, DELETE => "/api/channels/admin-conf/keys/$first");
like $r->{json}{message}, qr/stands in the configuration/, 'a key of the configuration is only disabled';
done(200, POST => "/api/channels/admin-conf/keys/$first/enable");

# --- signs of life -----------------------------------------------------------------------------
$r = done(200, GET => '/api/ping/admin-new');
ok $r->{json}{success} && $r->{json}{statusCode} == 200, 'an upstream that lives';
done(200, PATCH => '/api/channels/admin-other',
    { baseUrls => [ 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{refused} ] });
$r = done(200, GET => '/api/ping/admin-other');
is $r->{json}{error}, 'connect', 'one that is not there';
done(200, PATCH => '/api/channels/admin-other', { baseUrls => [ $at =~ s{/at$}{/use/list-refused}r ] });
$r = done(200, GET => '/api/ping/admin-other');
is $r->{json}{error}, 'auth', 'one that refuses the key';

# --- how channels do (admin_metrics.t looks at the numbers) ---------------------------------------
for my $path ('/api/channels/metrics', '/api/channels/scheduler/stats', '/api/channels/dashboard', '/api/affinity', '/api/sessions', '/api/settings') {
    done(200, GET => $path);
}
for my $path ('/api/channels/metrics/history', '/api/channels/admin-new/keys/metrics/history', '/api/global/stats/history') {
    done(200, GET => "$path?duration=today");
    wrong(400, 'duration', qr/from 1m to/, GET => "$path?duration=8d");
    wrong(400, 'interval', qr/multiple of/, GET => "$path?duration=6h&interval=90s");
}

wrong(405, '', qr/said in the configuration/, PUT => '/api/settings', {});

# --- the whole ------------------------------------------------------------------------------------
$r = done(200, GET => '/api/config');
is $r->{json}{channels}{'admin-new'}{serviceType}, 'claude', 'the configuration as JSON';
is $r->{json}{error}, undef, '... nothing is wrong';
for my $how ([ '/api/config?format=conf' ], [ '/api/config', undef, Accept => 'text/plain' ]) {
    $r = done(200, GET => @$how);
    like $r->{body}, qr{^<ClaudeChannel admin-new>\n\s+ChannelService claude\n}m, 'and as text';
}
wrong(400, 'format', qr/json or conf/, GET => '/api/config?format=xml');
$r = done(200, POST => '/api/config/validate', { channels => { x => $new } });
ok !$r->{json}{valid} && $r->{json}{path} eq 'channels.x.name', 'a document that would not do';
$r = done(200, POST => '/api/config/validate', { channels => { 'admin-conf' => { status => 'disabled' } } });
ok $r->{json}{valid}, 'one that would';

# --- removal, and a restart ----------------------------------------------------------------------
$r = done(200, DELETE => '/api/channels/admin-conf');
ok !$r->{json}{removed}, 'a channel of the configuration is only disabled';
is done(200, GET => '/api/channels/admin-conf')->{json}{status}, 'disabled', '... and shown so';
done(200, PATCH => '/api/channels/admin-conf', { deleted => JSON::PP::false() });
is done(200, GET => '/api/channels/admin-conf')->{json}{status}, 'active', '... and can be taken back';
$r = done(200, DELETE => '/api/channels/admin-other');
ok $r->{json}{removed}, 'one of the overlay is gone';
done(404, GET => '/api/channels/admin-other');
my $before = done(200, GET => '/api/config')->{json};
my %old = map { $_ => 1 } children();
kill USR1 => server_pid();
ok wait_for(20, sub { my @now = children(); @now && !grep { $old{$_} } @now }), 'a graceful restart';
is_deeply done(200, GET => '/api/config')->{json}, $before, 'all is still there';
my @backups = glob "$state/backups/channels-*.json";
ok @backups > 1 && @backups <= 10, scalar(@backups) . ' backups';
is sprintf('%o', (stat $file)[2] & 07777), '600', 'the file is its owner\'s';

# --- what can go wrong with the file -----------------------------------------------------------------
# Each operation that writes, as it would be done.
sub writes {
    my (@headers) = @_;
    my @waiting;
    for my $one (@writes) {
        my ($method, undef, $known) = @$one;
        my $example = $example{"$method $known"} || {};
        my $name = $example->{of} ? "admin-$example->{of}" : 'admin-conf';
        my $path = $known =~ s/\{name\}/$name/r =~ s/\{id\}/$first/r;
        my $body = $method eq 'DELETE' ? undef : encode($example->{document});
        my $client = ClaudeTest::Client->open_to(hostport('admin'));
        $client->send_request(method => $method, path => "/manage$path", body => $body,
            headers => [ @ops, defined $body ? @json : (), @headers ]);
        push @waiting, [ $method, $path, $client ];
    }
    my %status;
    for my $one (@waiting) {
        my ($method, $path, $client) = @$one;
        my $r = look($method, $path, $client->receive(timeout => 30));
        $status{ $r->{status} }++;
        $client->shut;
    }
    return join ' ', map { "$_ x $status{$_}" } sort keys %status;
}
my $n = @writes;
done(201, POST => '/api/channels', { %$new, name => 'admin-suspended', status => 'suspended' });    # or resume has nothing to write
is writes('If-Match' => '"99999"'), "412 x $n", 'another revision: nothing is written';

open my $lock, '+>>', "$file.lock" or die "$file.lock: $!\n";
flock $lock, LOCK_EX | LOCK_NB or die "lock: $!\n";
# All upstreams are asked meanwhile, of which some do not answer.
my $ping = ClaudeTest::Client->open_to(hostport('admin'));
my $began = time;
$ping->send_request(path => '/manage/api/ping', headers => [@ops]);
is writes(), "503 x $n", 'a writer that does not finish: come back later';
cmp_ok time - $began, '<', 12, '... said after some seconds';
close $lock;
$r = look(GET => '/api/ping', $ping->receive);
is $r->{status}, 200, 'a sign of life of all upstreams';
is scalar @{ $r->{json} }, scalar @{ done(200, GET => '/api/channels')->{json}{channels} }, '... of each';
cmp_ok time - $began, '<', 14, '... at once, and no longer than ten seconds';
$ping->shut;

chmod 0500, $state;
is writes(), "500 x $n", 'a read-only directory: nothing is written';
chmod 0700, $state;

my $text = do { local $/; open my $fh, '<', $file or die "$file: $!\n"; <$fh> };
sub put {
    my ($bytes) = @_;
    open my $fh, '>', "$file.new" or die "$file.new: $!\n";
    chmod 0600, "$file.new";
    print {$fh} $bytes;
    close $fh or die "$file.new: $!\n";
    return rename "$file.new", $file;
}
expect_log('CLP2401: .*/state/channels\.json: ');
put(substr $text, 0, length($text) / 2);
is writes(), "409 x $n", 'half a file: it has to be mended first';
$r = done(200, GET => '/api/config');
like $r->{json}{error}, qr/JSON/, '... as the configuration tells';
ok $r->{json}{channels}{'admin-new'}, '... and what was in force stays';
put($text =~ s/"status"/"stauts"/r =~ s/"priority"/"priorty"/r);
is writes(), "409 x $n", 'an error by hand: likewise';
put($text);
ok wait_for(3, sub { !defined call(GET => '/api/config')->{json}{error} }), 'mended';
$r = done(200, PATCH => '/api/channels/admin-new', { priority => 6 });
for my $name ("$file.tmp-abcdef", "$file.backup") {
    open my $left, '>', $name or die "$name: $!\n";
    close $left;
}
done(200, PATCH => '/api/channels/admin-new', { priority => 7 });
ok !-e "$file.tmp-abcdef", 'what a killed writer left is gone';
ok unlink("$file.backup"), "what an administrator laid beside is not";
done(200, POST => '/api/config/reload', {});    # t/reload.t

# --- many ---------------------------------------------------------------------------------------------
{
    my %many = map { ("admin-many-$_" => { serviceType => 'openai', baseUrls => ["$at/many"], apiKeys => ["many-key-$_"],
        status => 'disabled' }) } 1 .. 500;
    put(encode({ version => 1, revision => 1000, channels => \%many }));
    ok wait_for(5, sub { @{ call(GET => '/api/channels')->{json}{channels} } > 500 }), '500 channels';
    my $began = time;
    done(200, PATCH => '/api/channels/admin-many-250', { priority => 7 });
    cmp_ok time - $began, '<', 2, 'a change among them is quick';
    $began = time;
    is scalar(grep { post('admin', '/v1/messages', messages_body('admin-model'))->{status} == 200 } 1 .. 50), 50, 'requests go on';
    cmp_ok time - $began, '<', 3, '... as quick as with few';
    wrong(400, 'interval', qr/more than 100000/, GET => '/api/channels/metrics/history?duration=24h&interval=1m');
    my $all = done(200, GET => '/api/channels/metrics/history')->{json};
    is scalar(grep { $_->{counted} && @{ $_->{dataPoints} } != 96 } @$all), 0, 'a history of each of them';
    cmp_ok scalar(@$all), '>', 500, '... of all';
    cmp_ok scalar(@{ done(200, GET => '/api/channels/dashboard')->{json}{recentActivity} }), '>', 500, 'a page with all of them';
}

unlink $file;
ok wait_for(3, sub { call(GET => '/api/channels')->{json}{revision} == 0 }), 'without the file the configuration alone counts';

# --- every status that the document promises, and no secret -----------------------------------------------
# There is always a transport, and shared state: t/unit/test_admin.c does without.
my %never = map { $_ => 1 } 'GET /api/ping 503', 'GET /api/ping/{name} 503', 'POST /api/channels/{name}/keys/{id}/resume 503';
my @promised = map { my $path = $_; map { my $m = $_; map { "\U$m\E $path $_" } keys %{ $api->{paths}{$path}{$m}{responses} } }
    keys %{ $api->{paths}{$path} } } keys %{ $api->{paths} };
is_deeply [ grep { !$seen{$_} && !$never{$_} } sort @promised ], [], 'all of them were seen';
my $all = join "\n", @answers;
unlike $all, qr/planted-admin-(?:key|new-key|field)-?\w*-0123456789/, 'no secret in any answer';
ok !log_lines(qr/planted-admin-/), 'nor in the log';

done_testing;
