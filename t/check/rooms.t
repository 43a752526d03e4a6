#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Who may include whom: a room uses its own headers and those of lower floors,
# and nothing below src/httpd knows httpd.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Sources qw(code files top);

my %floor = (wire => 1, state => 2, dialect => 2, upstream => 2, sched => 3, gateway => 4, httpd => 5);

my $httpd = qr{^(?:httpd|http_\w+|ap_\w+|util_\w+|mod_\w+|scoreboard|mpm_\w+|heartbeat|unixd|os)\.h$};

my @sources = files(qr{^(?:src|include)/.*\.[ch]$});
ok @sources > 20, 'there are sources to look at';

for my $path (@sources) {
    my ($base, $room) = $path =~ m{^(src|include)/(?:([^/]+)/)?};
    my @wrong;
    if (defined $room && !$floor{$room}) {
        fail "$path: a room without a floor";
        next;
    }
    for my $line (split /\n/, code($path)) {
        my ($name) = $line =~ /^\s*#\s*include\s*[<"]([^>"]+)[>"]/ or next;
        if ($name =~ $httpd && ($room // '') ne 'httpd') {
            push @wrong, "$name is httpd's";
        }
        if (my ($other) = $name =~ m{^(\w+)/}) {
            next if !$floor{$other};
            push @wrong, "$name is on a higher floor or beside it"
                if !defined $room || $other ne $room && $floor{$other} >= $floor{$room};
            push @wrong, "$name is private to its room"
                if $other ne ($room // '') && !-e top() . "/include/$name";
        }
        elsif ($base eq 'include' && -e top() . "/src/$room/$name") {
            push @wrong, "$name is private to its room";
        }
    }
    ok !@wrong, $path or diag join "\n", @wrong;
}
done_testing;
