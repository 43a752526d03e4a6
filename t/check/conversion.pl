#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Writes docs/conversion.md from the cases.
use strict;
use warnings;

use FindBin ();
use lib "$FindBin::Bin/../lib";

use ClaudeTest::Conversion qw(conversion_document);
use ClaudeTest::Sources qw(top);

my $path = top() . '/docs/conversion.md';
open my $out, '>:raw', $path or die "$path: $!\n";
print {$out} conversion_document();
close $out or die "$path: $!\n";
