# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Gate;

=head1 NAME

ClaudeTest::Gate - no error in the server's log that no test announced

=cut

use strict;
use warnings;

use ClaudeTest::Harness ();

my $alarming = qr/:(?:error|crit|alert|emerg)\]|AddressSanitizer|runtime error:|exit signal|
    child\spid\s\d+\sexit|double\sfree|stack\ssmashing/x;

# Lines of the log that nobody expected, and reports of the sanitizers.
sub surprises {
    my ($logs) = @_;
    my @expected;
    if (open my $fh, '<', "$logs/expected") {
        @expected = map { chomp; qr/$_/ } <$fh>;
    }
    my @found;
    for my $file ("$logs/error_log", "$logs/upstream_log", glob "$logs/asan.*") {
        open my $fh, '<', $file or next;
        my $all = $file !~ /error_log$/;
        while (my $line = <$fh>) {
            next if !$all && $line !~ $alarming;
            next if grep { $line =~ $_ } @expected;
            push @found, $line;
        }
    }
    return @found;
}

sub passes {
    my ($logs, $title) = @_;
    my @found = surprises($logs);
    print @found ? "$title: " . @found . " unexpected lines\n" : "$title: clean\n";
    print "  $_" for @found > 40 ? @found[ 0 .. 39 ] : @found;
    ClaudeTest::Harness::count(@found ? (0, 1, "$title: " . @found . ' unexpected lines') : (1, 0));
    return !@found;
}

1;
