#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# The scripted upstream by itself: upstream.pl PORT [VOID-PORT]; ends on SIGTERM.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::Bin;

use ClaudeTest::Upstream ();

my ($port, $void) = @ARGV;
die "usage: $0 PORT [VOID-PORT]\n" if !$port;
my $upstream = ClaudeTest::Upstream->new(port => $port, void => $void,
    scripts => "$FindBin::Bin/../scripts");
$SIG{TERM} = $SIG{INT} = sub { $upstream->{stopping} = 1 };
$upstream->run;
