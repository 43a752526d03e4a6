#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Nothing that looks like a test is left out of the test run, and what the
# documents tell people to type exists.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Sources qw(code files text top);

my @unit = files(qr{^t/unit/.*\.c$});
for my $path (@unit) {
    my $has_main = code($path) =~ /^\s*int\s+main\s*\(/m ? 1 : 0;
    my $is_test = $path =~ m{/test_\w+\.c$} ? 1 : 0;
    is $has_main, $is_test, "$path: a program if and only if it is called test_*";
    next if !$is_test;
    my ($name) = $path =~ m{([^/]+)\.c$};
    ok -x top() . "/build/release/unit/$name", "$name is built";
}
ok @unit > 5, 'there are unit tests';

my %target = map { $_ => 1 } map { split } text('Makefile.apxs') =~ /^([a-z][\w -]*):(?!=)/mg;
for my $name (qw(all install demo check unit asan lint fuzz bench clean help)) {
    ok $target{$name}, "make $name exists";
}
for my $path (files(qr{\.md$})) {
    my %said = map { $_ => 1 } text($path) =~ /(?:^|`|\$ |&& )make ([a-z][\w-]*)/mg;
    ok $target{$_}, "$path: make $_" for sort keys %said;
}
my $readme = join '', map { text($_) } files(qr{^README\.md$});
like $readme, qr/\bmake demo\b/,  'the README says how to try it';
like $readme, qr/\bmake check\b/, 'the README says how to test it';
done_testing;
