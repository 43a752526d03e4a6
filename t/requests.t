#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# GET /api/requests: the last requests of all children, what became of them, and nothing of what
# was said.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Schema qw(misfits);
use ClaudeTest::Server;
use Digest::SHA qw(sha256_hex);
use Encode qw(encode_utf8);
use Test::More;
use Time::HiRes qw(time);

my $true = JSON::PP::true();
my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream};
my $key = 'requests-planted-key-0123456789';

sub conf {
    my ($more) = @_;
    my $channels = join '', map { my ($name, $url, $priority, $models) = @$_; <<"END" }
<ClaudeChannel $name>
    ChannelService claude
    ChannelURL $upstream/at/$name$url
    ChannelKey $key
    ChannelPriority $priority
    ChannelModels $models
    ChannelBreaker Off
    ChannelCooldown Off
</ClaudeChannel>
END
        [ quotes => '/use/requests+quotes', 1, 'over-* bad-*' ], [ long => '/use/requests+long', 1, 'long-*' ],
        [ hangs => '/use/requests+hang', 1, 'hang-*' ], [ serves => '', 2, '*-model' ];
    return ClaudeTest::Server::modules('authz_user') . <<"END";
ServerLimit 8
StartServers 3
ThreadsPerChild 8
MaxRequestWorkers 24
MinSpareThreads 8
MaxSpareThreads 24
ClaudeRetryWait Off
ClaudeDebugHeaders On
$more
$channels
<Location />
    ClaudeProxy On
    AuthType ClaudeKey
    AuthName gateway
    Require valid-user
    ClaudeAccessKey alice alice-key
    ClaudeAccessKey bob bob-key
</Location>
<Location /manage>
    ClaudeProxy Off
    SetHandler claude-admin
    AuthType None
    Require all granted
    ClaudeRequireUser Off
</Location>
END
}

my $server = ClaudeTest::Server->new('requests', conf(''));
my $hostport = $server->hostport;

sub ask {
    my ($user, $model, %more) = @_;
    my $path = delete $more{path} // '/v1/messages';
    return request(hostport => $hostport, method => 'POST', path => $path,
        headers => [ 'Content-Type' => 'application/json', $user ? ('X-Api-Key' => "$user-key") : () ],
        body => ref $model ? encode($model) : encode(messages_body($model, 'this is a very private prompt', %more)));
}

my $all = '';    # that was ever listed

sub list {
    my ($query, $status) = @_;
    my $r = request(hostport => $hostport, path => '/manage/api/requests' . ($query // ''));
    is $r->{status}, $status // 200, 'GET /api/requests' . ($query // '') or diag $r->{body};
    $all .= $r->{body};
    return $r->{json};
}

# The entry of an answer; it comes when the answer has gone.
sub entry_of {
    my ($answer) = @_;
    my $id = $answer->{headers}{'x-claude-proxy-request'};
    my $entry = wait_for(5, sub {
        my $r = request(hostport => $hostport, path => '/manage/api/requests?limit=1000');
        $all .= $r->{body};
        (grep { $_->{id} eq $id } @{ $r->{json}{requests} })[0];
    });
    return $entry // {};
}

sub has {
    my ($name, $entry, %wanted) = @_;
    is_deeply { map { $_ => $entry->{$_} } keys %wanted }, \%wanted, $name or diag explain $entry;
    return;
}

ok $server->start, 'a server' or BAIL_OUT('no server');
upstream_reset();
is_deeply list()->{requests}, [], 'nothing yet';
is list()->{capacity}, 200, 'room for 200';

# --- what an entry says ----------------------------------------------------------------
my $r = ask(alice => 'any-model', stream => $true);
my $served = entry_of($r);
has('served', $served, user => 'alice', protocol => 'messages', operation => 'chat', model => 'any-model', channel => 'serves',
    upstreamModel => 'any-model', attempts => 1, tried => 'serves:served', result => 'ok', status => 200, upstreamStatus => 200,
    class => undef, error => undef, stream => $true,
    key => { id => substr(sha256_hex($key), 0, 16), mask => 'requ...6789' });
cmp_ok $served->{tokens}{output}, '>', 0, '... its tokens';
ok defined $served->{firstToken} && $served->{firstToken} <= $served->{duration}, '... when it began to answer';
cmp_ok $served->{bytes}{answer}, '>', 100, '... its bytes';
like $served->{began}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, '... when';

$r = ask(bob => 'over-model');
is $r->{status}, 200, 'one that another channel serves';
has('tells why the first did not', entry_of($r), user => 'bob', channel => 'serves', attempts => 2, tried => 'quotes:500,serves:served',
    result => 'ok', status => 200, class => 'internal', stream => JSON::PP::false(),
    error => "Cannot work on '[...]' with key ***, try again");

$r = ask(alice => 'bad-thing');
has('failed', entry_of($r), channel => 'quotes', result => 'failed', status => 500, upstreamStatus => 500, class => 'internal',
    tried => 'quotes:500');
$r = ask(alice => 'long-thing');
my $long = entry_of($r);
has("the client's fault", $long, channel => 'long', result => 'client_error', status => 400, class => 'bad_request');
like $long->{error}, qr/^max_tokens: 99999 is too much.*é\z/s, '... with a long text';
my $n = length encode_utf8($long->{error});
ok $n == 254 || $n == 255, "... that is cut between characters: $n bytes" or diag $long->{error};

$r = ask(alice => 'unknown-thing');
has('nobody to ask', entry_of($r), channel => undef, key => undef, pick => undef, tried => undef, attempts => 0,
    result => 'client_error', status => 404, class => 'not_found', model => 'unknown-thing');
$r = request(hostport => $hostport, method => 'POST', path => '/v1/messages', body => '{"model":',
    headers => [ 'X-Api-Key' => 'alice-key', 'Content-Type' => 'application/json' ]);
has('half a document', entry_of($r), status => 400, class => 'bad_request', model => undef, stream => undef);
$r = ask(alice => { model => 'any-model', messages => [ { role => 'user', content => 'this is a very private prompt' } ] },
    path => '/v1/chat/completions');
has('another protocol', entry_of($r), protocol => 'chat', channel => 'serves', result => 'ok');
$r = ask(alice => { model => 'bad-thing', messages => [ { role => 'user', content => 'this is a very private prompt' } ] },
    path => '/v1/messages/count_tokens');
has('an estimate', entry_of($r), operation => 'count_tokens', result => 'estimated', status => 200);

{
    my $client = ClaudeTest::Client->open_to($hostport);
    $client->send_request(method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json', 'X-Api-Key' => 'bob-key' ],
        body => encode(messages_body('hang-thing', 'x', stream => $true)));
    ok wait_for(5, sub { grep { $_->{path} =~ m{/at/hangs} } upstream_log() }), 'one that runs';
    is scalar(grep { ($_->{model} // '') eq 'hang-thing' } @{ list()->{requests} }), 0, '... is not listed';
    $client->shut;
    my $gone = wait_for(5, sub { list('?class=aborted')->{requests}[0] });
    has('... but when its client has left', $gone, user => 'bob', channel => 'hangs', result => 'client_gone', class => 'aborted');
}

my $count = @{ list()->{requests} };
is ask('', 'any-model')->{status}, 401, 'a stranger';
is request(hostport => $hostport, path => '/v1/models', headers => [ 'X-Api-Key' => 'alice-key' ])->{status}, 200, 'a list of models';
is request(hostport => $hostport, path => '/health')->{status}, 200, 'a sign of life';
entry_of(ask(alice => 'any-model'));
is scalar @{ list()->{requests} }, $count + 1, 'neither is listed';

# --- which are asked for ------------------------------------------------------------------
my @all = @{ list('?limit=1000')->{requests} };
is_deeply [ map { $_->{number} } @all ], [ reverse 1 .. @all ], 'the newest first, without a gap';
my %filter = ('channel=quotes' => sub { ($_->{channel} // '') eq 'quotes' }, 'user=bob' => sub { ($_->{user} // '') eq 'bob' },
    'class=internal' => sub { ($_->{class} // '') eq 'internal' }, 'status=404' => sub { ($_->{status} // 0) == 404 },
    'user=alice&status=200&channel=serves' => sub { $_->{user} eq 'alice' && ($_->{status} // 0) == 200 && ($_->{channel} // '') eq 'serves' },
    'user=nobody' => sub { 0 }, 'limit=3' => sub { $_->{number} > @all - 3 }, 'before=4' => sub { $_->{number} < 4 },
    'before=6&limit=2' => sub { $_->{number} == 5 || $_->{number} == 4 });
for my $query (sort keys %filter) {
    my @wanted = map { $_->{number} } grep { $filter{$query}->() } @all;
    is_deeply [ map { $_->{number} } @{ list("?$query")->{requests} } ], \@wanted, '... ' . @wanted . ' of them';
}
for my $bad ('channel=', 'channel=' . 'x' x 64, 'user=', 'class=nothing', 'class=', 'status=99', 'status=600', 'status=abc',
    'limit=0', 'limit=1001', 'before=0', 'before=-1', 'before=99999999999999999999', 'newest=1') {
    my $error = list("?$bad", 400)->{error};
    is $error->{path}, $bad =~ s/=.*//r, '... names it';
}

# --- the document -------------------------------------------------------------------------
my $api = request(hostport => $hostport, path => '/manage/api/openapi.json')->{json};
my @wrong = misfits(list('?limit=1000'), $api->{paths}{'/api/requests'}{get}{responses}{200}{content}{'application/json'}{schema}, $api);
is "@wrong", '', 'all of it fits the schema';

# --- all children -------------------------------------------------------------------------
{
    my %pid;
    my @ids;
    ok wait_for(10, sub {
        my @clients = map {
            my $client = ClaudeTest::Client->open_to($hostport);
            $client->send_request(method => 'POST', path => '/v1/messages',
                headers => [ 'Content-Type' => 'application/json', 'X-Api-Key' => 'alice-key' ],
                body => encode(messages_body('any-model', 'x')));
            $client
        } 1 .. 8;
        for my $client (@clients) {
            my $answer = $client->receive;
            $pid{ $answer->{headers}{'x-claude-proxy-pid'} }++;
            push @ids, $answer->{headers}{'x-claude-proxy-request'};
            $client->shut;
        }
        keys %pid >= 2;
    }), 'several children answer';
    ok wait_for(5, sub {
        my %listed = map { $_->{id} => 1 } @{ list('?limit=1000')->{requests} };
        !grep { !$listed{$_} } @ids;
    }), 'and all that they answered is listed, whichever tells';
}

# --- restarts -----------------------------------------------------------------------------
sub graceful {
    my ($more) = @_;
    $server->configure(conf($more));
    return ok $server->graceful, "graceful: $more";
}

my $before = list('?limit=1000')->{requests};
graceful('');
is_deeply list('?limit=1000')->{requests}, $before, 'a graceful restart keeps them';
has('and goes on', entry_of(ask(alice => 'any-model')), number => $before->[0]{number} + 1);

graceful('ClaudeRecentRequests 5 anonymous');
is_deeply list()->{requests}, [], 'another size begins anew';
has('without who asked', entry_of(ask(alice => 'any-model')), user => undef, channel => 'serves');
my @last = map { ask(bob => 'any-model')->{headers}{'x-claude-proxy-request'} } 1 .. 7;
ok wait_for(5, sub { my $first = list()->{requests}[0]; $first && $first->{number} == 8 }), 'seven more';
is_deeply [ sort map { $_->{id} } @{ list()->{requests} } ], [ sort @last[ 2 .. 6 ] ], 'five are kept, the last ones';
is list()->{capacity}, 5, 'as it says';
unlike encode(list()), qr/alice|bob/, 'and no names of users';

graceful('ClaudeRecentRequests Off');
is ask(alice => 'any-model')->{status}, 200, 'off: requests are served';
is_deeply list(), { capacity => 0, requests => [] }, 'and not listed';

is_deeply [ $all =~ /private prompt|\Q$key\E|alice-key|bob-key/g ], [], 'no prompt and no key was ever listed';
$server->stop;
my @alarming = grep { /:(?:error|crit|alert|emerg)\]/ && !/CLP2011|CLP2012/ } split /\n/, $server->error_log;
is "@alarming", '', 'nothing alarming in the log';
done_testing;
