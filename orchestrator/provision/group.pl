# Gives the files of the deploy user below the working directory to the group of this process. The web user may be able to
# write to some of the directories; entries.pl explains how the program changes files there.
. ../scripts/entries.pl

my ($group) = split / /, $(;
below(about(start()), ".", sub {
    my ($about, $path) = @_;
    return if $about->{group} == $group || $about->{linked} && !$about->{is_directory};
    chown(-1, $group, at($about->{file})) or die "own: cannot change the group of $path: $!\n";
});
