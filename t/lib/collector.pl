#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# A stand-in for a collector of OpenTelemetry: collector.pl PORT DIR
#
# What it gets is appended to DIR/requests as lines of JSON: time, path, headers, and the body as
# parsed. What DIR/mode says when a request comes decides the answer: "200" and other statuses,
# "STATUS SECONDS" with Retry-After, "partial N" (N spans rejected), "slow SECONDS".
use strict;
use warnings;

use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes qw(sleep time);

my ($port, $dir) = @ARGV;
die "usage: $0 PORT DIR\n" if !$dir;
my $json = JSON::PP->new->utf8->canonical;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 16, ReuseAddr => 1)
    or die "port $port: $@\n";
$SIG{PIPE} = 'IGNORE';

# One request: path, headers (lower case) and body; nothing at the end of the connection.
sub request {
    my ($client) = @_;
    my $line = <$client> // return;
    my ($path) = $line =~ m{^POST (\S+) HTTP/1\.1\r\n$} or return;
    my %header;
    while (defined($line = <$client>) && $line ne "\r\n") {
        my ($name, $value) = $line =~ /^([^:]+): *(.*?)\r\n$/ or return;
        $header{ lc $name } = $value;
    }
    my $body = '';
    read $client, $body, $header{'content-length'} // 0;
    return ($path, \%header, $body);
}

sub mode {
    open my $fh, '<', "$dir/mode" or return '200';
    chomp(my $mode = <$fh> // '200');
    return $mode;
}

sub answer {
    my ($client) = @_;
    my ($word, $n) = split ' ', mode();
    my ($status, $more, $text) = ($word, '', '{}');
    if ($word eq 'slow') {
        sleep $n;
        $status = 200;
    }
    elsif ($word eq 'partial') {
        ($status, $text) = (200, $json->encode({ partialSuccess => { rejectedSpans => "$n", errorMessage => 'no' } }));
    }
    elsif (defined $n) {
        $more = "Retry-After: $n\r\n";
    }
    printf {$client} "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", $status, $more,
        length $text, $text;
    return;
}

while (my $client = $listener->accept) {
    $client->autoflush(1);
    while (my ($path, $header, $body) = request($client)) {
        open my $out, '>>', "$dir/requests" or die "$dir/requests: $!\n";
        print {$out} $json->encode({ time => time, path => $path, headers => $header,
            body => scalar eval { $json->decode($body) } }) . "\n";
        close $out;
        answer($client);
    }
    close $client;
}
