# Sets the modes and ACLs of a release's files. The working directory is the release. entries.pl explains how the program
# changes files in directories to which the web user may already write.
. ../scripts/entries.pl

my (undef, $id, undef, $environment, undef, $web, undef, $files, $executables, $directories, @lists) = @ARGV;
my ($modes, $private, $writable, $outputs) = map { [split /\n/, $_] } @lists;
my ($top, $home) = (start(), readlink("/proc/self/cwd"));
my $batch = 200; # one start of setfacl changes at most this number of files, which this program keeps open until then
$^F = 1 << 20;   # the programs that this program starts get the open files

sub set_mode { # set_mode(<about>, <path>, <mode>)
    my ($about, $path, $mode) = @_;
    # as the program chmod does: a directory keeps its setgid bit
    $mode |= $about->{mode} & 06000 if $about->{is_directory};
    chmod($mode & 07777, at($about->{file})) or die "cannot change the mode of $path: $!\n";
}

sub clean { # clean(<path>): the path without parts such as ..
    my @parts;
    for (split m{/+}, $_[0]) {
        if ($_ eq "..") { pop @parts } elsif ($_ ne "" && $_ ne ".") { push @parts, $_ }
    }
    return join("/", "", @parts);
}

# reach(<setting>, <path>): opens a file of the release. Returns what is known about the file (see `about`), its open
# directory and its name; nothing if there is no such file. A symlink is followed only if it leads into the release, and
# if no other user can have made it.
sub reach {
    my ($setting, $path) = @_;
    my $out = sub {
        die "$setting: $path is behind a link that leads out of the release, to " . clean($_[0])
            . ": nothing behind the link is changed; remove the path from the settings\n";
    };
    my ($links, $name, @rest) = (0, undef, split m{/+}, $path);
    my @opened = (about($top));
    my @names;
    while (defined($name = shift @rest)) {
        next if $name eq "" || $name eq ".";
        if ($name eq "..") {
            $out->(join("/", $home, "..", @rest)) if @opened == 1;
            pop @opened;
            pop @names;
            next;
        }
        my $file = about(entry($opened[-1]{file}, $name) // return);
        if (!$file->{is_link}) {
            push @opened, $file;
            push @names, $name;
            next;
        }
        die "$setting: $path is behind a link in a directory to which other users may write: name the target of the link\n"
            if !$opened[-1]{ours} || $opened[-1]{mode} & 022;
        my $to = readlink(at($opened[-1]{file}, $name)) // die "$setting: $path: $!\n";
        die "$setting: $path is behind too many links\n" if ++$links > 40;
        if ($to =~ m{^/}) {
            $out->(join("/", $to, @rest)) unless index("$to/", "$home/") == 0;
            $to = substr($to, length $home);
            @opened = (about($top));
            @names = ();
        }
        unshift @rest, split m{/+}, $to;
    }
    $out->($home) if @opened == 1;
    return ($opened[-1], $opened[-2]{file}, $names[-1]);
}

sub there { # there(<setting>, <path>): does the same as reach, but ends the program if there is no such file
    my @found = reach(@_) or die "$_[0]: release $id has no $_[1]\n";
    return @found;
}

# apart(<about>, <path>, <directory>, <name>): replaces a file that also belongs to another release by a copy, which belongs
# only to this release. Returns what is known about the file, or about the copy.
sub apart {
    my ($about, $path, $directory, $name) = @_;
    return $about unless $about->{ours} && $about->{is_file} && $about->{linked};
    my $records = entry($top, ".release") // die "there is no directory .release in release $id\n";
    my $known = about($records);
    die "$home/.release is no directory of this user\n" unless $known->{ours} && $known->{is_directory};
    unlink(at($records, "alone"));
    system("cp", "-p", "--", at($about->{file}), at($records, "alone")) == 0 or die "$path cannot be copied\n";
    my $copy = about(entry($records, "alone") // die "$path cannot be copied\n");
    die "$path cannot be copied\n" unless $copy->{ours} && $copy->{is_file} && !$copy->{linked};
    rename(at($records, "alone"), at($directory, $name)) or die "cannot replace $path: $!\n";
    return $copy;
}

sub set_acl { # set_acl(<setting>, <path>, <entries>, <file>...): adds ACL entries to open files
    my ($setting, $path, $entries, @files) = @_;
    while (my @some = splice(@files, 0, $batch)) {
        my %names = map { (fileno($_->[0]), $_->[1]) } @some;
        my $pid = open(my $said, "-|") // die "cannot start a process: $!\n";
        if (!$pid) {
            open(STDERR, ">&", \*STDOUT);
            exec("setfacl", "-m", $entries, "--", map { at($_->[0]) } @some) or print("setfacl: $!\n"), exit 127;
        }
        my $last = "";
        $last = $_ while <$said>;
        next if close($said);
        $last =~ s{/proc/self/fd/(\d+)}{$names{$1} // $&}e;
        chomp($last);
        die "$setting: $path gets no ACL: $last\n";
    }
}

# acl(<setting>, <path>, <entries>, <further entries of directories>): returns two functions. The first adds a file to the
# files that wait for the ACL entries. The second gives the ACL entries to all waiting files.
sub acl {
    my ($setting, $path, $entries, $more) = @_;
    my %waiting = ($entries => [], "$entries$more" => []);
    my $give = sub {
        for (keys %waiting) { set_acl($setting, $path, $_, splice(@{$waiting{$_}}, 0)) }
    };
    my $add = sub {
        my ($about, $name) = @_;
        return unless $about->{is_file} || $about->{is_directory};
        my $list = $waiting{$about->{is_file} ? $entries : "$entries$more"};
        push @$list, [$about->{file}, $name];
        $give->() if @$list >= $batch;
    };
    return ($add, $give);
}

sub make { # make(<setting>, <path>): opens a directory of the release, and makes missing directories. Follows no symlink
    my ($setting, $path) = @_;
    reach($setting, $path); # ends the program if a link leads out of the release, with a message that names the target
    my $directory = $top;
    for my $name (grep { $_ ne "" && $_ ne "." } split m{/+}, $path) {
        my $next = entry($directory, $name);
        if (!$next) {
            mkdir(at($directory, $name)) or $! == EEXIST or die "$setting: cannot make $path: $!\n";
            $next = entry($directory, $name) // die "$setting: $path was removed\n";
        }
        my $about = about($next);
        die "$setting: $path is behind a link\n" if $about->{is_link};
        die "$setting: $path is no directory\n" unless $about->{is_directory};
        $directory = $next;
    }
    return about($directory);
}

below(about($top), ".", sub {
    my ($about, $path) = @_;
    if ($about->{is_directory}) {
        set_mode($about, $path, oct($directories)) if $directories ne "";
    } elsif ($files ne "" && $about->{is_file} && !$about->{linked}) {
        set_mode($about, $path, oct($about->{mode} & 0111 ? $executables : $files));
    }
}, except => {".git" => 1, ".release" => 1}) if "$files$directories" ne "";

for my $output ($files eq "" ? () : @$outputs) {
    # an output that is a link is left out, but its directory may be behind a link
    my ($above, $name) = $output =~ m{^(?:(.*)/)?([^/]+)/*$};
    my ($directory) = defined $above ? reach("outputs", $above) : about($top);
    my $file = $directory && entry($directory->{file}, $name) // next;
    below(about($file), $output, sub {
        my ($about, $path) = @_;
        set_mode($about, $path, $about->{mode} & ~0222) if $about->{is_file} && !$about->{linked};
    });
}

for (@$modes) {
    my ($mode, $path) = split /:/, $_, 2;
    my ($about, @place) = there("permissions.modes", $path);
    set_mode(apart($about, $path, @place), $path, oct($mode));
}

for my $path (@$private) {
    my ($about, $directory, $name) = there("permissions.private", $path);
    my ($add, $give) = acl("permissions.private", $path, "u:$web:rX", "");
    below($about, $path, sub {
        my ($about, $path, @place) = @_;
        return if $about->{is_link};
        $about = apart($about, $path, @place);
        set_mode($about, $path, $about->{mode} & ~0077);
        $add->($about, $path);
    }, all => 1, in => $directory, name => $name);
    $give->();
}

my $me = getpwuid($>);
for my $path (@$writable) {
    my ($add, $give) = acl("permissions.writable", $path, "u:$web:rwX", ",d:u:$web:rwX,d:u:$me:rwX");
    below(make("permissions.writable", $path), $path, sub {
        my ($about, $path, @place) = @_;
        $add->(apart($about, $path, @place), $path);
    });
    $give->();
}

# Only its owner may read the environment file, but the modes above may have changed its mode. Therefore the mode is set
# again here. A file of another user is skipped, because the modes above cannot have changed it.
if ($environment ne "" and my ($about) = reach("environment.path", $environment)) {
    set_mode($about, $environment, 0600) if $about->{is_file} && $about->{ours};
}
