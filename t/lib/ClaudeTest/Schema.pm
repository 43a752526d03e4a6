# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
package ClaudeTest::Schema;

=head1 NAME

ClaudeTest::Schema - does a value fit a JSON Schema, as far as ours use it?

=cut

use strict;
use warnings;

use B ();
use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(misfits resolve);

my %known = map { $_ => 1 } qw($ref $schema $defs $id title description type enum const properties required
    additionalProperties items oneOf allOf minItems maxItems minimum maximum minLength maxLength maxProperties
    propertyNames pattern format readOnly writeOnly uniqueItems default);

sub resolve {
    my ($schema, $root) = @_;
    while (ref $schema eq 'HASH' && $schema->{'$ref'}) {
        my @path = split m{/}, $schema->{'$ref'} =~ s{^#/}{}r;
        $schema = $root;
        $schema = $schema->{$_} for @path;
        die "a reference leads nowhere: @path\n" if !$schema;
    }
    return $schema;
}

sub type_of {
    my ($value) = @_;
    return 'null'    if !defined $value;
    return 'boolean' if JSON::PP::is_bool($value);
    return 'object'  if ref $value eq 'HASH';
    return 'array'   if ref $value eq 'ARRAY';
    my $flags = B::svref_2object(\$value)->FLAGS;
    return 'string' if $flags & B::SVf_POK() || !($flags & (B::SVf_IOK() | B::SVf_NOK()));
    return $value == int $value ? 'integer' : 'number';
}

# What is wrong with the value, a list of texts with paths.
sub misfits {
    my ($value, $schema, $root, $path) = @_;
    $path //= '';
    $schema = resolve($schema, $root);
    my @wrong = map { "$path: the test does not know $_" } grep { !$known{$_} } sort keys %$schema;
    my $type = type_of($value);
    if (my $wants = $schema->{type}) {
        my %may = map { $_ => 1 } ref $wants ? @$wants : $wants;
        return (@wrong, "$path: is $type") if !$may{$type} && !($type eq 'integer' && $may{number});
    }
    for my $part (@{ $schema->{allOf} || [] }) {
        push @wrong, misfits($value, $part, $root, $path);
    }
    if ($schema->{oneOf}) {
        my $fit = grep { !misfits($value, $_, $root, $path) } @{ $schema->{oneOf} };
        push @wrong, "$path: fits $fit of the choices" if $fit != 1;
    }
    if (my $choices = $schema->{enum}) {
        push @wrong, "$path: is none of the choices" if !grep { ($_ // "\0") eq ($value // "\0") } @$choices;
    }
    push @wrong, "$path: is not $schema->{const}" if exists $schema->{const} && $value ne $schema->{const};
    push @wrong, "$path: does not match" if $schema->{pattern} && $value !~ /$schema->{pattern}/;
    push @wrong, "$path: too small" if $type eq 'integer' && $value < ($schema->{minimum} // $value);
    if ($type eq 'object') {
        push @wrong, map { "$path.$_: is missing" } grep { !exists $value->{$_} } @{ $schema->{required} || [] };
        for my $name (sort keys %$value) {
            my $member = ($schema->{properties} || {})->{$name} // $schema->{additionalProperties};
            push @wrong, ref $member ? misfits($value->{$name}, $member, $root, "$path.$name")
                : defined $member && !$member ? "$path.$name: is not known" : ();
        }
    }
    if ($type eq 'array') {
        my $i = 0;
        push @wrong, map { misfits($_, $schema->{items}, $root, "$path." . $i++) } @$value if $schema->{items};
    }
    return @wrong;
}

1;
