# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Sources;

=head1 NAME

ClaudeTest::Sources - the project's files, for the checks of t/check

=cut

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Find ();

our @EXPORT_OK = qw(top files text code);

my $top = abs_path(dirname(__FILE__) . '/../../..');

sub top { return $top }

# Paths below the top that fit, sorted; what git tracks, or without git all but
# what is built.
sub files {
    my ($pattern) = @_;
    my @all = -e "$top/.git" ? split /\n/, qx(git -C '$top' ls-files --cached --others --exclude-standard)
        : ();
    if (!@all) {
        File::Find::find({
            no_chdir => 1,
            wanted   => sub {
                my $path = $File::Find::name =~ s{^\Q$top\E/}{}r;
                $File::Find::prune = 1 if $path =~ m{^(?:build|t/logs(?:-\w+)?|t/htdocs|\.git)$|node_modules$};
                push @all, $path if -f;
            },
        }, $top);
    }
    return sort grep { -f "$top/$_" && $_ =~ $pattern } @all;
}

sub text {
    my ($path) = @_;
    open my $fh, '<:raw', "$top/$path" or die "$path: $!\n";
    local $/;
    return scalar(<$fh>) // '';
}

# C text without comments; lines stay where they are.
sub code {
    my ($path) = @_;
    my $text = text($path);
    $text =~ s{("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(/\*.*?\*/|//[^\n]*)}
        {defined $1 ? $1 : "\n" x ($2 =~ tr/\n//)}gse;
    return $text;
}

1;
