#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# The module shows one name to the programs it is loaded into.
use strict;
use warnings;

use Test::More tests => 2;

use ClaudeTest::Sources qw(top);

my $module = top() . '/build/release/mod_claude_proxy.so';
ok -e $module, 'the module is built';
my @names = map { (split)[2] } grep { /^[0-9a-f]/ } qx(nm -D --defined-only '$module');
is_deeply \@names, ['claude_proxy_module'], 'only the module record is exported';
