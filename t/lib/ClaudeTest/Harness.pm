# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Harness;

=head1 NAME

ClaudeTest::Harness - runs TAP programs and keeps count

=head1 COUNTS

With CLP_COUNTS in the environment a line "PASSED FAILED name, name ..." is
added to that file for each run, so that `make check` can add them up.

=cut

use strict;
use warnings;

use TAP::Harness ();

# How to start a test: Perl, Node or the program itself.
sub command {
    my ($file, $lib) = @_;
    return ['node', $file] if $file =~ /\.mjs$/;
    return [$^X, (map { "-I$_" } @$lib), $file] if $file =~ /\.t$/;
    return ['sh', $file] if $file =~ /\.sh$/;
    return [$file];
}

# Run them; true when all passed. Options: verbose, lib, jobs.
sub run {
    my ($title, $tests, %options) = @_;
    if (!@$tests) {
        count(0, 1, "$title: no tests");
        print "$title: no tests\n";
        return 0;
    }
    my $harness = TAP::Harness->new({
        verbosity => $options{verbose} ? 1 : 0, color => 0, timer => 1, jobs => $options{jobs} || 1,
        exec => sub { my (undef, $file) = @_; return command($file, $options{lib} || []) },
        merge => 0,
    });
    print "$title\n";
    my $result = $harness->runtests(@$tests);
    my @bad = $result->failed, my @wrong = $result->parse_errors;
    my %bad = map { $_ => 1 } @bad, @wrong, $result->exit, $result->wait;
    my $failed = $result->failed;
    my ($passes, $fails) = (0, 0);
    for my $parser ($result->parsers($result->descriptions)) {
        $passes += $parser->passed;
        $fails += $parser->failed;
        $fails++ if !$parser->failed && $parser->has_problems;
    }
    count($passes, $fails, sort keys %bad);
    return !$fails && $result->all_passed;
}

sub count {
    my ($passed, $failed, @names) = @_;
    return if !$ENV{CLP_COUNTS};
    open my $fh, '>>', $ENV{CLP_COUNTS} or die "$ENV{CLP_COUNTS}: $!\n";
    print {$fh} join(' ', $passed, $failed, join ', ', @names), "\n";
    return close $fh;
}

1;
