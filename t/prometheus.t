#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Metrics: promtool finds nothing wrong with them, and a real Prometheus reads them.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Host qw(free_port host_dir program program_start spill);
use Test::More;

sub metrics { return request(vhost => 'observed', path => '/metrics') }

# Value of a sample by its text.
sub sample {
    my ($series) = @_;
    my ($value) = metrics()->{body} =~ /^\Q$series\E (\S+)$/m;
    return $value // 0;
}

my $served = 'claude_proxy_channel_requests_total{channel="observed-metered",protocol="messages",result="success"}';
my $failed = 'claude_proxy_channel_attempts_total{channel="observed-metered",result="server_error"}';
my ($served_before, $failed_before) = (sample($served), sample($failed));
post('observed', '/metered/v1/messages', messages_body('metered', 'x', stream => JSON::PP::true())) for 1 .. 3;
post('observed', '/metered/v1/messages', messages_body('script:always/500', 'x'));
post('observed', '/metered/v1/messages', messages_body("odd \"\\\n\x{4e2d}", 'x'));

my $r = metrics();
is $r->{status}, 200, 'metrics';
is $r->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'their type';
is sample($served) - $served_before, 4, 'requests that were served';
is sample($failed) - $failed_before, 1, 'one that was not';
like $r->{body}, qr/^claude_proxy_model_requests_total\{model="odd \\"\\\\\\n\xe4\xb8\xad",result="success"\} 1$/m,
    'a name that clients made up';
unlike $r->{body}, qr/up-key-that-nobody/, 'no key';
is request(vhost => 'observed', path => '/metrics', method => 'POST')->{status}, 405, 'only to be read';
is request(vhost => 'observed', path => '/metrics', method => 'HEAD')->{body}, '', 'HEAD';
is request(vhost => 'observed', path => '/closed-metrics')->{status}, 403, 'closed without a user';

# Whoever writes the text format knows what is wrong with it.
{
    spill(host_dir() . '/metrics', $r->{body});
    my $promtool = program('promtool');
    my $dir = host_dir();
    my $said = qx($promtool check metrics <$dir/metrics 2>&1);
    is $?, 0, 'promtool has no objection';
    is $said, '', 'nor anything to say';
}

# A real one.
my $port = free_port();
{
    my $target = hostport('observed');
    spill(host_dir() . '/prometheus.yml', <<"YAML");
global:
  scrape_interval: 500ms
scrape_configs:
  - job_name: claude
    static_configs:
      - targets: ['$target']
YAML
    program_start('prometheus', $port, program('prometheus'), '--config.file=' . host_dir() . '/prometheus.yml',
        '--storage.tsdb.path=' . host_dir() . '/tsdb', "--web.listen-address=127.0.0.1:$port");
}

sub query {
    my ($text) = @_;
    my $escaped = $text =~ s/([^\w])/sprintf '%%%02X', ord $1/ger;
    my $got = request(hostport => "127.0.0.1:$port", path => "/api/v1/query?query=$escaped",
        headers => [ Connection => 'close' ])->{json};
    return $got && $got->{data} && $got->{data}{result};
}

ok wait_for(20, sub { my $up = query('up{job="claude"}'); $up && @$up && $up->[0]{value}[1] eq '1' }), 'it scrapes'
    or diag explain query('up');
is query($served)->[0]{value}[1], sample($served), 'and knows what we know';
is query('histogram_quantile(0.5, gen_ai_server_request_duration_seconds_bucket{gen_ai_request_model="metered"})')
    ->[0]{value}[1] =~ /^[\d.]+$/, 1, 'histograms can be computed with';
is query('sum(gen_ai_client_token_usage_sum{gen_ai_request_model="metered",gen_ai_token_type="output"})')->[0]{value}[1],
    21, 'tokens by model';
is query('gen_ai_server_time_per_output_token_seconds_count{gen_ai_request_model="metered"}')->[0]{value}[1], 3,
    'streams with a time per token';
is query('claude_proxy_channel_circuit{channel="observed-metered",state="closed"}')->[0]{value}[1], 1, 'states as labels';

# The dashboard asks for nothing that is not there.
{
    my %known = map { $_ => 1 } metrics()->{body} =~ /^# TYPE (\S+)/mg;
    open my $fh, '<', top() . '/docs/grafana.json' or die "grafana.json: $!\n";
    my $dashboard = decode(do { local $/; <$fh> });
    my @queries = map { map { $_->{expr} } @{ $_->{targets} || [] } } @{ $dashboard->{panels} };
    cmp_ok scalar @queries, '>=', 10, 'the dashboard has queries';
    for my $text (@queries) {
        my $plain = $text =~ s/\$__rate_interval/5m/gr =~ s/\$channel/.*/gr;
        for my $name ($plain =~ /\b((?:claude_proxy|gen_ai)_\w+)(?=[{\[])/g) {
            ok $known{$name} || $known{ $name =~ s/_(?:bucket|sum|count)$//r }, "$name is a metric";
        }
        ok query($plain), "it can be asked: $plain";
    }
}
done_testing;
