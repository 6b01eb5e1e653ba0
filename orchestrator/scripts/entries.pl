# Functions that change files in directories to which another user may write.
#
# At any moment this user may replace a file, or a directory above the file, by a symlink. Therefore no function checks a
# path and then changes the same path. The functions open each entry once, relative to its open directory, and follow no
# symlink. All checks and changes then use the path /proc/self/fd/<number>, which always leads to the opened file, whatever
# its name is by now. The flag O_PATH opens a file without the right to read it, and never waits, for example at a pipe.
#
# The user may also make hard links. With fs.protected_hardlinks = 1 (the default of Debian), the user can make hard links
# only to files to which the user may write anyway.
use strict;
use warnings;
use Errno qw(:POSIX);
use Fcntl qw(:mode O_NOFOLLOW);

# Fcntl lacks this constant. The number is the same on all architectures for which Debian releases
use constant O_PATH => 010000000;

# at(<file>): the path that always leads to an open file. at(<directory>, <name>): the path of an entry of an open directory
sub at { return "/proc/self/fd/" . fileno($_[0]) . (@_ > 1 ? "/$_[1]" : "") }

# entry(<directory>, <name>): opens an entry of an open directory; undef if there is no such entry
sub entry {
    my ($directory, $name) = @_;
    my $is_open = sysopen(my $file, at($directory, $name), O_PATH | O_NOFOLLOW);
    return $file if $is_open;
    die "cannot open $name: $!\n" unless $! == ENOENT || $! == ENOTDIR;
    return undef;
}

sub start { # start(): opens the working directory
    sysopen(my $file, ".", O_PATH) or die "cannot open the working directory: $!\n";
    return $file;
}

# about(<file>): what is known about an open file
sub about {
    my ($mode, $links, $owner, $group) = (stat $_[0])[2 .. 5];
    return {
        file => $_[0], mode => $mode, group => $group, ours => $owner == $>, linked => $links > 1,
        is_file => S_ISREG($mode), is_directory => S_ISDIR($mode), is_link => S_ISLNK($mode),
    };
}

# below(<about>, <path>, <visit>, ...): calls <visit> for an open file or directory and for all entries below it, first for
# the entries and then for their directory. Files of other users, and directories of other users with all their entries,
# are left out. <path> is only for messages.
# + all: true to look for files also in directories of other users
# + except: names of entries directly in the directory <about> that are left out, as a dict
# + in: the open directory of the file
# + name: name of the file in this directory
# <visit> gets what `about` returns, the path of the file, its open directory, and its name in this directory.
sub below {
    my ($about, $path, $visit, %how) = @_;
    return unless $how{all} || $about->{ours};
    if ($about->{is_directory}) {
        opendir(my $opened, at($about->{file})) or die "cannot read $path: $!\n";
        for my $name (grep { $_ ne "." && $_ ne ".." && !$how{except}{$_} } readdir $opened) {
            my $next = entry($about->{file}, $name) // next;
            below(about($next), "$path/$name", $visit, all => $how{all}, in => $about->{file}, name => $name);
        }
    }
    $visit->($about, $path, $how{in}, $how{name}) if $about->{ours};
}
