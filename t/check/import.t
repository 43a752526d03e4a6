#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# packaging/import-claude-proxy. t/import holds a sample of each generation of
# claude-proxy: NAME.json and NAME.env, and what is made of them, NAME.expected
# (the configuration; @DIR@ is where the files are) and NAME.report.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use JSON::PP ();
use Test::More;

use ClaudeTest::Sources qw(top text files);

my $program = top() . '/packaging/import-claude-proxy';
my $dir = File::Temp::tempdir('clp-import-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $httpd = $ENV{CLP_HTTPD} || '/usr/sbin/apache2';
my $module = $ENV{CLP_MODULE} || top() . '/build/release/mod_claude_proxy.so';
my $libexec = $ENV{CLP_LIBEXEC} || qx(@{[ $ENV{APXS} || '/usr/bin/apxs' ]} -q LIBEXECDIR);
chomp $libexec;
my $n = 0;

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    return <$in> // '';
}

sub spill {
    my ($path, $text) = @_;
    open my $out, '>:raw', $path or die "$path: $!\n";
    print {$out} $text;
    close $out or die "$path: $!\n";
    return $path;
}

# Exit code, stdout and stderr of the program.
sub run {
    my (@args) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$dir/stdout" or die;
        open STDERR, '>', "$dir/stderr" or die;
        exec $^X, $program, @args or die "$program: $!\n";
    }
    waitpid $pid, 0;
    return ($? >> 8, slurp("$dir/stdout"), slurp("$dir/stderr"));
}

# What httpd -t says to a configuration, and whether it takes it.
sub configtest {
    my ($conf) = @_;
    my $modules = join '', map { "LoadModule ${_}_module $libexec/mod_$_.so\n" } qw(mpm_event authn_core authz_core authz_user);
    spill("$dir/httpd.conf", "ServerRoot $dir\nServerName localhost\nListen 127.0.0.1:9\nPidFile $dir/pid\nErrorLog $dir/log\n"
        . "DefaultRuntimeDir $dir\nUser nobody\n${modules}LoadModule claude_proxy_module $module\nInclude $conf\n");
    my $said = qx($httpd -t -f $dir/httpd.conf 2>&1);
    return ($? == 0 && $said !~ /CLP\d{4}|AH00111/, $said);
}

# Imports a structure, and the text of a .env; the directory, exit code, stdout, stderr and configuration.
sub import_of {
    my ($config, $env) = @_;
    my $out = "$dir/out" . ++$n;
    my $json = spill("$dir/config.json", ref $config ? JSON::PP->new->encode($config) : $config);
    my @result = run('--env', spill("$dir/env", $env // "PROXY_ACCESS_KEY=invented-access\n"), '--output', $out, $json);
    return ($out, @result, slurp("$out/claude-proxy.conf"));
}

sub channel {
    my (%members) = @_;
    return { name => 'c', baseUrl => 'https://c.example.org', apiKeys => ['invented-c'], serviceType => 'openai', status => 'active',
        %members };
}

# The samples.
for my $sample (qw(seed later)) {
    my $out = "$dir/$sample";
    my @args = ('--env', top() . "/t/import/$sample.env", '--output', $out, top() . "/t/import/$sample.json");
    my ($code, $conf, $report) = run('--dry-run', @args);
    is $code, 0, "$sample: a dry run succeeds";
    ok !-e $out, "$sample: and writes nothing";
    is_deeply [ split /^/, $conf =~ s/\Q$dir\E\/$sample/\@DIR\@/gr ], [ split /^/, text("t/import/$sample.expected") ], "$sample: configuration";
    is_deeply [ split /^/, $report ], [ split /^/, text("t/import/$sample.report") ], "$sample: report";

    my ($written, $said, $again) = run(@args);
    is $written, 0, "$sample: is written";
    is $again, $report, "$sample: with the same report";
    is slurp("$out/claude-proxy.conf"), $conf, "$sample: and the same configuration";
    my ($accepted, $complaint) = configtest("$out/claude-proxy.conf");
    ok $accepted, "$sample: configtest" or diag $complaint;

    # Every line of the report is in the configuration as well.
    my $comments = join ' ', map { s/^#(?: -)?\s*//r } grep { /^#/ } split /\n/, $conf;
    for my $line (split /\n/, $report) {
        my ($place, $text) = $line =~ /^(.*?): (.*)$/;
        ok index($comments, $text) >= 0 && index($comments, $place) >= 0, "$sample: in the .conf: " . substr $line, 0, 60;
    }

    my $config = JSON::PP->new->utf8->decode(text("t/import/$sample.json"));
    my @keys = map { @{ $_->{apiKeys} }, @{ $_->{historicalApiKeys} || [] } } map { @{ $config->{$_} || [] } }
        qw(upstream responsesUpstream geminiUpstream);
    my ($shown) = grep { /^[\w-]{8,}$/ && index("$conf$report$said", $_) >= 0 } @keys, 'invented-password', 'invented-query';
    is $shown, undef, "$sample: no key is shown";

    for my $file (glob "$out/*.keys") {
        is sprintf('%o', (stat $file)[2] & 07777), '600', "$sample: mode of " . $file =~ s{.*/}{}r;
    }
    my %named = map { $_ => 1 } $conf =~ /file:(\S+)/g;
    is_deeply [ sort keys %named ], [ grep { !m{/access\.keys$} } sort glob "$out/*.keys" ], "$sample: the key files are those it names";

    my %before = map { $_ => slurp($_) } glob "$out/*";
    my ($refused, undef, $why) = run(@args);
    is $refused, 1, "$sample: nothing is overwritten";
    like $why, qr{/a\S+ is there already; nothing was written}, "$sample: and that is said";
    is_deeply { map { $_ => slurp($_) } glob "$out/*" }, \%before, "$sample: the files are as they were";
}
is slurp("$dir/seed/anthropic.keys"), "sk-ant-api03-invented-1\nsk-ant-api03-invented-2\n", 'keys, in their order';
is slurp("$dir/later/a.example.org.keys"), "invented-key-a1\ninvented-key-a2\n", 'the same key once';
is slurp("$dir/later/main.keys"), "sk-ant-invented-b1\ninvented-key-b2\n", 'what can be no key is left out';
like slurp("$dir/seed/access.keys"), qr/^claude-proxy sha256:${\ sha256_hex('invented  key')}\n\z/m, 'the access key, as SHA-256';
unlike slurp("$dir/later/access.keys"), qr/^[^#]/m, 'the well-known access key is not taken over';

# URLs: where requests went is where they go. LIST SERVICE URL -> ChannelURL
for my $case (
    [ upstream          => 'claude', 'https://h',             'https://h' ],
    [ upstream          => 'claude', 'https://h/',            'https://h' ],
    [ upstream          => 'claude', 'https://h//',           'https://h//v1' ],
    [ upstream          => 'openai', 'https://h/api/v3',      'https://h/api/v3' ],
    [ upstream          => 'openai', 'https://h/v1beta/',     'https://h/v1beta' ],
    [ upstream          => 'claude', 'https://h/v2beta1',     'https://h/v2beta1/v1' ],
    [ upstream          => 'claude', 'https://h#',            'https://h#' ],
    [ upstream          => 'claude', 'https://h/#',           'https://h/#' ],
    [ upstream          => 'claude', 'https://h/v1#',         'https://h/v1#' ],
    [ upstream          => 'claude', 'https://v1',            'https://v1#' ],
    [ upstream          => 'gemini', 'https://h/v1beta',      'https://h/v1beta' ],
    [ upstream          => 'gemini', 'https://h/google/',     'https://h/google#' ],
    [ responsesUpstream => 'responses', 'https://h/codex',    'https://h/codex' ],
    [ responsesUpstream => 'responses', 'http://[::1]:8080/', 'http://[::1]:8080' ],
    [ geminiUpstream    => 'gemini', 'https://h//',           'https://h' ],
    [ geminiUpstream    => 'openai', 'https://h/x/',          'https://h/x' ],
    [ geminiUpstream    => 'claude', 'https://h/v1',          'https://h/v1' ],
    [ geminiUpstream    => 'gemini', 'https://h/x#',          'https://h/x#' ],
    [ upstream          => 'claude', 'ftp://h',               undef ],
    [ upstream          => 'claude', 'https://h/a b',         undef ],
    [ upstream          => 'claude', 'https://h:0',           undef ],
    [ upstream          => 'claude', 'https://[::g]',         undef ],
    [ upstream          => 'claude', 'https://h/#x',          undef ],
    [ upstream          => 'claude', '',                      undef ],
    [ upstream          => 'claude', "https://h/\${X}",       undef ],
) {
    my ($list, $service, $url, $expected) = @$case;
    my (undef, $code, undef, $report, $conf) = import_of({ $list => [ channel(baseUrl => $url, serviceType => $service) ] });
    my ($got) = $conf =~ /^ +ChannelURL +(.*)$/m;
    is $got, $expected, "$list $service '$url'";
    is $code, defined $expected ? 0 : 1, '... exit code';
    like $report, qr/no URL that can be used.*no channel is left/s, '... and is told' if !defined $expected;
}

# How keys are shown: SERVICE KEY -> ChannelAuth
for my $case (
    [ claude    => 'sk-ant-api03-x', undef ],
    [ claude    => 'relay-key',      'bearer' ],
    [ openai    => 'sk-x',           undef ],
    [ openai    => 'sk-ant-x',       'header x-api-key' ],
    [ gemini    => 'AIzaX',          undef ],
) {
    my ($service, $key, $expected) = @$case;
    my (undef, undef, undef, undef, $conf) = import_of({ upstream => [ channel(serviceType => $service, apiKeys => [$key]) ] });
    my ($got) = $conf =~ /^ +ChannelAuth +(.*)$/m;
    is $got, $expected, "key $key to $service";
}

# Lists and statuses: STATUSES of upstream, of responsesUpstream -> what stands in the configuration.
my @apart = (channel(name => 'm'), channel(name => 'r'));
for my $case (
    [ 'lists that say the same are written once', { upstream => [$apart[0]], responsesUpstream => [$apart[0]] },
        qr/\A(?!.*ClaudeChannelSet)(?!.*ClaudeUseSet)(?:(?!<ClaudeChannel).)*<ClaudeChannel m>(?:(?!<ClaudeChannel).)*\z/s ],
    [ 'what is left out of one is told', { upstream => [$apart[0]], responsesUpstream => [ $apart[0], channel(baseUrl => '') ] },
        qr/\A(?!.*ClaudeUseSet).*^# - responsesUpstream\[1\] "c": it has no URL.*^# - responsesUpstream: it says the same as upstream;/ms ],
    [ 'lists that do not are sets', { upstream => [$apart[0]], responsesUpstream => [$apart[1]] },
        qr{^ClaudeChannelSet messages m\nClaudeChannelSet responses r\nClaudeChannelSet models m r\n.*<Location "/v1/responses">\n +ClaudeUseSet responses\n}ms ],
    [ 'two of three', { upstream => [$apart[0]], responsesUpstream => [$apart[1]], geminiUpstream => [$apart[1]] },
        qr{^ClaudeChannelSet responses-gemini r\n.*<Location "/v1beta">\n +ClaudeUseSet responses-gemini\n}ms ],
    [ 'only Gemini', { geminiUpstream => [$apart[0]] }, qr{\A(?!.*ClaudeUseSet).*<Location "/">\n +ClaudeProxy +On\n}s ],
    [ 'a lone channel serves whatever its status', { upstream => [ { %{ $apart[0] }, status => 'disabled' } ] },
        qr/^# - upstream\[0\]: claude-proxy used this channel although it is disabled(?!.*^ *ChannelStatus)/ms ],
    [ 'two that are suspended do not', { upstream => [ map { { %$_, status => 'suspended' } } @apart ] },
        qr{ChannelStatus +suspended.*ChannelStatus +suspended.*<Location "/">\n +ClaudeProxy +Off\n}s ],
    [ 'priority 0 is the place in the list', { upstream => [ channel(name => 'a', priority => 7), channel(name => 'b', priority => 0) ] },
        qr/<ClaudeChannel b>.*ChannelPriority 1\n.*<ClaudeChannel a>.*ChannelPriority 7\n/s ],
    [ 'priorities below 0', { upstream => [ channel(name => 'a'), channel(name => 'b', priority => -1) ] },
        qr/<ClaudeChannel b>.*ChannelPriority 10\n.*<ClaudeChannel a>.*ChannelPriority 20\n/s ],
    [ 'the current channel of old files', { upstream => [ map { channel(name => $_, status => '') } qw(a b) ], currentUpstream => 9 },
        qr/<ClaudeChannel a>(?:(?!ChannelStatus).)*<ClaudeChannel b>.*ChannelStatus +disabled/s ],
    [ 'names of a kind', { upstream => [ map { channel(name => $_) } 'x' x 70, 'x' x 80, '.', 'A', 'a', 'access' ] },
        qr/<ClaudeChannel x{64}>.*<ClaudeChannel x{62}-2>.*<ClaudeChannel c\.example\.org>.*<ClaudeChannel A>.*<ClaudeChannel a-2>.*<ClaudeChannel access-2>/s ],
    [ 'words that want quotes', { upstream => [ channel(modelMapping => { 'a"b\\' => 'c d' }, baseUrl => "https://h/it's") ] },
        qr{^ +ChannelURL +"https://h/it's"\n.*^ +ChannelModelMap "\*a\\"b\\\\\*" "c d"\n}ms ],
    [ 'text that would be more than a comment', { upstream => [ channel(description => "a\nChannelKey b\\\r\x0b# c") ] },
        qr/^# description: a ChannelKey b\\ # c\n/m ],
) {
    my ($title, $config, $expected) = @$case;
    my ($out, $code, undef, $report, $conf) = import_of($config);
    is $code, 0, $title or diag $report;
    like $conf, $expected, '... as expected';
    my ($accepted, $complaint) = configtest("$out/claude-proxy.conf");
    ok $accepted, '... configtest' or diag $complaint;
}

# Variables. TEXT -> in the configuration, in the report
for my $case (
    [ "PORT=0\n", qr/^Listen 3000\n/m, qr/^PORT: 3000 is/m ],
    [ "export PORT: 8081 # why not\n", qr/^Listen 8081\n/m, undef ],
    [ "PORT=many\n", qr/^Listen 3000\n/m, qr/^PORT: its value is not a number/m ],
    [ "ENABLE_CORS=false\nCORS_ORIGIN=*\n", qr/\A(?!.*ClaudeCORSOrigin)/s, qr/\A(?!.*CORS)/s ],
    [ "CORS_ORIGIN='*'\n", qr/^ +ClaudeCORSOrigin \*\n/m, undef ],
    [ "MAX_REQUEST_BODY_SIZE_MB=5000\n", qr/^ +ClaudeMaxRequestBody 1024m\n +ClaudeMaxDecodedBody 1024m\n/m, qr/^MAX_REQUEST_BODY_SIZE_MB: /m ],
    [ "RESPONSE_HEADER_TIMEOUT=500\n", qr/^ +ChannelTimeout +first-byte=120s\n/m, qr/^RESPONSE_HEADER_TIMEOUT: /m ],
    [ "REQUEST_TIMEOUT=0\n", qr/\A(?!.*^ *ChannelTimeout)/ms, qr/^REQUEST_TIMEOUT: .*left out/m ],
    [ "METRICS_WINDOW_SIZE=10\nMETRICS_FAILURE_THRESHOLD=2\n", qr/\A(?!.*^ *ChannelBreaker)/ms, undef ],
    [ "METRICS_WINDOW_SIZE=2\n", qr/^ +ChannelBreaker +window=3 min=3 percent=50 open=15m\n/m, undef ],
    [ "METRICS_WINDOW_SIZE=50\nMETRICS_FAILURE_THRESHOLD=.75\n", qr/^ +ChannelBreaker +window=32 min=16 percent=75 open=15m\n/m,
        qr/^METRICS_WINDOW_SIZE: is 32 at most/m ],
    [ "\x{feff}# BOM\r\nLOG_LEVEL=\"warn\"\r\n", qr/^ +LogLevel claude_proxy:warn\n/m, undef ],
) {
    my ($env, $in_conf, $in_report) = @$case;
    utf8::encode($env);
    my ($out, $code, undef, $report, $conf) = import_of({ upstream => [ channel() ] }, $env);
    my $title = $env =~ s/\r?\n/ /gr;
    is $code, 0, $title or diag $report;
    like $conf, $in_conf, '... in the configuration';
    like $report, $in_report, '... in the report' if $in_report;
    my ($accepted, $complaint) = configtest("$out/claude-proxy.conf");
    ok $accepted, '... configtest' or diag $complaint;
}

# Input that cannot be used: what is said, without a word of it; nothing is written.
for my $case (
    [ "{\n\"upstream\": [\n{\"apiKeys\": [\"invented-c\" \"x\"]}]}", undef, 'config.json is not JSON: there is a mistake on line 3' ],
    [ '', undef, 'config.json is not JSON: there is a mistake on line 1' ],
    [ "{\"upstream\": \"\xff\"}", undef, 'config.json is not UTF-8' ],
    [ '[]', undef, 'config.json holds no JSON object' ],
    [ {}, undef, 'no channel is left to be imported' ],
    [ { upstream => {} }, undef, 'upstream must be a list of objects' ],
    [ { upstream => [ channel(), 'invented-c' ] }, undef, 'upstream must be a list of objects' ],
    [ { responsesUpstream => [ channel(apiKeys => 'invented-c') ] }, undef, 'responsesUpstream[0].apiKeys must be a list of strings' ],
    [ { upstream => [ channel(apiKeys => [ 'invented-c', 7 ]) ] }, undef, 'upstream[0].apiKeys must be a list of strings' ],
    [ { upstream => [ channel(priority => '1', modelMapping => []), channel(insecureSkipVerify => 1) ], fuzzyModeEnabled => 'on' }, undef,
        'fuzzyModeEnabled must be true or false', 'upstream[0].modelMapping must be an object of strings',
        'upstream[0].priority must be a whole number', 'upstream[1].insecureSkipVerify must be true or false' ],
    [ { upstream => [ channel(priority => 1.5) ] }, undef, 'upstream[0].priority must be a whole number' ],
    [ { upstream => [ channel() ] }, "PORT=1\ninvented-access\n", 'env: line 2 is not NAME=VALUE' ],
    [ { upstream => [ channel() ] }, "PROXY_ACCESS_KEY=\"invented-access\n", 'env: line 1 has a quote without an end' ],
) {
    my ($config, $env, @expected) = @$case;
    my ($out, $code, $said, $report) = import_of($config, $env);
    is $code, 1, "refused: $expected[0]";
    is_deeply [ grep { s/^import-claude-proxy: // } split /\n/, $report =~ s/\Q$dir\E\///gr ], \@expected, '... and why is told';
    ok !-e $out, '... nothing is written';
    unlike "$said$report", qr/invented/, '... and nothing of it shown';
}

# The command line.
spill("$dir/config.json", JSON::PP->new->encode({ upstream => [ channel() ] }));
for my $case (
    [ 2, qr/^Usage: / ],
    [ 2, qr/^Usage: /, "$dir/config.json", "$dir/config.json" ],
    [ 2, qr/^Unknown option: nothing\nUsage: /, '--nothing', "$dir/config.json" ],
    [ 1, qr{^import-claude-proxy: \S+/absent\.json: No such file}, '--output', "$dir/new", "$dir/absent.json" ],
    [ 1, qr{^import-claude-proxy: \S+/absent\.env: No such file}, '--output', "$dir/new", '--env', "$dir/absent.env", "$dir/config.json" ],
    [ 1, qr{^import-claude-proxy: --output: the directory above \S+ is not there\n}, '--output', "$dir/absent/new", "$dir/config.json" ],
    [ 1, qr{^import-claude-proxy: --output: \S+ is no name that a configuration can hold\n}, '--output', "$dir/\$new", "$dir/config.json" ],
    [ 1, qr{^import-claude-proxy: --output: \S+/config\.json is no directory\n}, '--output', "$dir/config.json", "$dir/config.json" ],
) {
    my ($expected, $says, @args) = @$case;
    my ($code, undef, $report) = run(@args);
    is $code, $expected, "exit code of @args";
    like $report, $says, '... and why';
}
ok !-e "$dir/new", 'nothing came of these';
my ($helped, $usage) = run('--help');
ok $helped == 0 && $usage =~ /--dry-run/, '--help';

# What the remarks advise is there.
my %directive = map { m{/(\w+)\.md$} ? ($1 => 1) : () } glob top() . '/docs/directives/*.md';
for my $path (files(qr{^packaging/lib/ClaudeProxyImport/}), 't/import/later.report') {
    my ($unknown) = grep { !$directive{$_} && !/^Claude(?:Key|ProxyImport)$/ } text($path) =~ /\b((?:Claude|Channel)[A-Z]\w+)\b/g;
    is $unknown, undef, "$path names directives that exist";
}

# As claude-proxy is installed: .config/config.json, and .env beside .config.
mkdir "$dir/$_" or die "$dir/$_: $!\n" for 'home', 'home/.config';
spill("$dir/home/.config/config.json", slurp("$dir/config.json"));
my (undef, undef, $without) = run('--output', "$dir/new", '--dry-run', "$dir/home");
like $without, qr/^\.env: is not there/m, 'without .env that is told';
spill("$dir/home/.env", "PORT=3777\n");
for my $path ("$dir/home", "$dir/home/.config/config.json") {
    my (undef, $conf, $report) = run('--output', "$dir/new", '--dry-run', $path);
    like $conf, qr/^Listen 3777\n/m, 'its .env is found';
    unlike $report, qr/^\.env/m, '... and not missed';
}
done_testing;
