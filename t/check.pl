#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What `make check` does after building: every stage, whatever the one before it gave, and the sum of it. Stages can be
# named: t/check.pl unit server.
#
# Unit tests use all processors there are. Server tests wait most of the time: those of the sanitizer build run beside those
# of the other, and what only computes beside both.
use strict;
use warnings;

use FindBin ();
use lib "$FindBin::Bin/lib";

use File::Temp ();
use IO::Handle ();
use POSIX ();
use Time::HiRes qw(time);

use ClaudeTest::Harness ();

chdir "$FindBin::Bin/.." or die "$FindBin::Bin/..: $!\n";
my $build = $ENV{BUILD} || 'build';
my $jobs = qx(nproc) || 2;
chomp $jobs;

sub programs {
    my ($variant) = @_;
    return [ map { s{^t/unit/(.*)\.c$}{$build/$variant/unit/$1}r } sort glob 't/unit/test_*.c' ];
}

# Run a command that counts by itself; a failure that it did not count is one.
sub command {
    my ($title, @command) = @_;
    print "$title\n";
    my $failed = system @command;
    my @counted = lines_of($ENV{CLP_COUNTS});
    if (!@counted) {
        ClaudeTest::Harness::count($failed ? (0, 1, "$title failed") : (1, 0));
    }
    elsif ($failed && !grep { !/^\d+ 0 / } @counted) {
        ClaudeTest::Harness::count(0, 1, "$title ended with an error");
    }
    return;
}

sub lines_of {
    my ($path) = @_;
    open my $fh, '<', $path or die "$path: $!\n";
    return <$fh>;
}

sub server_tests {
    my ($title, $variant) = @_;
    local $ENV{CLP_VARIANT} = $variant;
    local $ENV{CLP_TEST_COPY} = 1;    # others may run beside it
    return command($title, $^X, 't/TEST');
}

my %stage = (
    unit => sub { ClaudeTest::Harness::run('unit tests', programs('release'), jobs => $jobs) },
    'asan-unit' => sub {
        local $ENV{ASAN_OPTIONS} = 'detect_leaks=1';
        ClaudeTest::Harness::run('unit tests (asan)', programs('asan'), jobs => $jobs);
    },
    fuzz => sub { command('fuzz corpus', 'make', '-s', 'DEPS=no', 'fuzz-replay') },
    checks => sub { ClaudeTest::Harness::run('checks', [ sort glob 't/check/*.t' ], lib => ['t/lib']) },
    lint => sub { POSIX::nice(19); ClaudeTest::Harness::run('lint', ['packaging/lint.sh']) },
    server => sub { server_tests('server tests', 'release') },
    'asan-server' => sub { server_tests('server tests (asan)', 'asan') },
);

# Stages of a lane follow each other; lanes of a row run beside each other. A lane begins when the row before has ended.
my @rows = ([ [qw(unit)] ], [ [qw(asan-unit)] ], [ ['server'], ['asan-server'], [qw(fuzz checks lint)] ]);

my %wanted = map { $_ => 1 } @ARGV;
for my $name (sort keys %wanted) {
    die "$0: no stage '$name'; there are: ", join(' ', sort keys %stage), "\n" if !$stage{$name};
}
my $results = File::Temp::tempdir('clp-check-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# In a process of its own, with what it prints and counts in files.
sub start {
    my ($name) = @_;
    defined(my $pid = fork) or die "fork: $!\n";
    return $pid if $pid;
    open STDOUT, '>', "$results/$name.out" or die "$name.out: $!\n";
    open STDERR, '>&', \*STDOUT or die "STDERR: $!\n";
    STDOUT->autoflush(1);
    open my $counts, '>', "$results/$name.counts" or die "$name.counts: $!\n";
    close $counts;
    $ENV{CLP_COUNTS} = "$results/$name.counts";
    my $done = eval { $stage{$name}->(); 1 };
    print $@ if !$done;
    POSIX::_exit($done ? 0 : 1);
}

my @names;    # in the order in which they ended
my @times;
my %failed;

sub end {
    my ($name, $status, $began) = @_;
    print lines_of("$results/$name.out"), "\n";
    $failed{$name} = 1 if $status;
    push @names, $name;
    push @times, sprintf '%s %.0f s', $name, time - $began;
    return;
}

sub run_row {
    my @lanes = map { [ grep { !%wanted || $wanted{$_} } @$_ ] } @_;
    my %running;    # pid -> [name, when it began, lane]
    my $next = sub {
        my ($lane) = @_;
        my $name = shift @$lane or return;
        print "$name begins\n";
        $running{ start($name) } = [ $name, time, $lane ];
        return;
    };
    $next->($_) for @lanes;
    while (%running) {
        my $pid = wait;
        last if $pid < 0;
        my ($name, $began, $lane) = @{ delete $running{$pid} || next };
        end($name, $?, $began);
        $next->($lane);
    }
    return;
}

STDOUT->autoflush(1);
my $began = time;
run_row(@$_) for @rows;

my ($passed, $failed) = (0, 0);
print 'Time: ', join(', ', @times), sprintf("; together %.0f s\n", time - $began);
for my $name (@names) {
    for my $line (lines_of("$results/$name.counts")) {
        my ($p, $f, $which) = $line =~ /^(\d+) (\d+) (.*)$/ or next;
        $passed += $p;
        $failed += $f;
        print "Failed: $which\n" if $f;
        delete $failed{$name} if $f;
    }
}
for my $name (sort keys %failed) {
    $failed++;
    print "Failed: $name ended with an error\n";
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
