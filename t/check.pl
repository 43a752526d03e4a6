#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What `make check` does after building: every stage in turn, whatever the one
# before it gave, and the sum of it. Stages can be named: t/check.pl unit server.
use strict;
use warnings;

use FindBin ();
use lib "$FindBin::Bin/lib";

use File::Temp ();
use Time::HiRes qw(time);

use ClaudeTest::Harness ();

chdir "$FindBin::Bin/.." or die "$FindBin::Bin/..: $!\n";
my $build = $ENV{BUILD} || 'build';
my $counts = File::Temp->new(TEMPLATE => 'clp-counts-XXXXXX', TMPDIR => 1);
$ENV{CLP_COUNTS} = "$counts";
my $jobs = qx(nproc) || 2;
chomp $jobs;

sub programs {
    my ($variant) = @_;
    return [ map { s{^t/unit/(.*)\.c$}{$build/$variant/unit/$1}r } sort glob 't/unit/test_*.c' ];
}

# Run a command that counts by itself; a failure that it did not count is one.
sub command {
    my ($title, @command) = @_;
    my $before = -s "$counts";
    print "$title\n";
    my $status = system @command;
    if (-s "$counts" == $before) {
        ClaudeTest::Harness::count($status ? (0, 1, "$title failed") : (1, 0));
    }
    elsif ($status && !grep { !/^\d+ 0 / } lines_after($before)) {
        ClaudeTest::Harness::count(0, 1, "$title ended with an error");
    }
    return;
}

sub lines_after {
    my ($offset) = @_;
    open my $fh, '<', "$counts" or die "$counts: $!\n";
    seek $fh, $offset, 0;
    return <$fh>;
}

my @stages = (
    unit => sub { ClaudeTest::Harness::run('unit tests', programs('release'), jobs => $jobs) },
    'asan-unit' => sub {
        local $ENV{ASAN_OPTIONS} = 'detect_leaks=1';
        ClaudeTest::Harness::run('unit tests (asan)', programs('asan'), jobs => $jobs);
    },
    fuzz => sub { command('fuzz corpus', 'make', '-s', 'DEPS=no', 'fuzz-replay') },
    lint => sub { ClaudeTest::Harness::run('lint', ['packaging/lint.sh']) },
    checks => sub { ClaudeTest::Harness::run('checks', [ sort glob 't/check/*.t' ], lib => ['t/lib']) },
    server => sub { command('server tests', $^X, 't/TEST') },
    'asan-server' => sub {
        local $ENV{CLP_VARIANT} = 'asan';
        command('server tests (asan)', $^X, 't/TEST');
    },
);

my %wanted = map { $_ => 1 } @ARGV;
my @times;
while (my ($name, $stage) = splice @stages, 0, 2) {
    next if %wanted && !$wanted{$name};
    my $began = time;
    $stage->();
    push @times, sprintf '%s %.0f s', $name, time - $began;
    print "\n";
}

my ($passed, $failed) = (0, 0);
print 'Time: ', join(', ', @times), "\n";
for my $line (lines_after(0)) {
    my ($p, $f, $names) = $line =~ /^(\d+) (\d+) (.*)$/ or next;
    $passed += $p;
    $failed += $f;
    print "Failed: $names\n" if $f;
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
