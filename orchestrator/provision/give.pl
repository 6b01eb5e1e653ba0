# Gives the files below the working directory from former web users to a new web user: the owner, the group and the entries
# in ACLs. Files of other users stay theirs; of the deploy user's files, only groups and ACL entries change.
#
# Root runs this program, and former web users may still have processes, for example if another application has the same web
# user. entries.pl explains how the program changes files there. If the owner of a file changes, the kernel removes setuid and
# setgid bits and capabilities of the file.
#
# A hard link may lead to a file of another application. Therefore a file with several hard links is changed only if all of
# them are in the working directory. Otherwise the program changes nothing and fails.
. ../scripts/entries.pl

my ($deploy, $to, @from) = @ARGV;
my $batch = 200; # number of files for which getfacl is started once; each of them is open until then
$^F = 1 << 20;   # the programs that this program starts get the open files

my ($new_user, $new_group, $deploy_user, $deploy_group) = map { @$_[2, 3] } map { [account($_)] } $to, $deploy;
my (%users, %groups);
for (@from) {
    my ($user, $group) = (account($_))[2, 3];
    $users{$user} = 1;
    # other users may also need a group of the deploy user or of root
    $groups{$group} = 1 unless $group == $deploy_group || $group == 0;
}
delete $users{$new_user};
delete $groups{$new_group};

sub account { # account(<user>): the fields of the user's account
    my @found = getpwnam($_[0]) or die "there is no user $_[0] on this node\n";
    return @found;
}

sub each_below { # each_below(<open directory>, <path>, <visit>): calls <visit> for the directory and for all entries below it
    my ($file, $path, $visit) = @_;
    my @about = stat $file;
    if (S_ISDIR($about[2])) {
        opendir(my $opened, at($file)) or die "cannot read $path: $!\n";
        my @names = grep { $_ ne "." && $_ ne ".." } readdir $opened;
        closedir($opened);
        for my $name (@names) {
            my $next = entry($file, $name) // next;
            each_below($next, "$path/$name", $visit);
        }
    }
    $visit->($file, $path, @about);
}

sub is_ours { return $users{$_[0]} || $_[0] == $deploy_user || $_[0] == $new_user } # is_ours(<number of a user>)

# changed(<what stat says>): the owner and the group that a file must get; nothing if they are right
sub changed {
    my ($owner, $group) = @_[4, 5];
    return unless is_ours($owner) && ($users{$owner} || $groups{$group});
    return ($users{$owner} ? $new_user : -1, $groups{$group} ? $new_group : -1);
}

sub give_acls { # give_acls(<file>...): replaces the former users in the ACLs of open files by the new user
    my %names = map { (fileno($_->[0]), $_) } @_;
    my (%wanted, $file);
    my @rights = map { at($_->[0]) } @_;
    open(my $said, "-|", "getfacl", "-nps", "--", @rights) or die "cannot start getfacl: $!\n";
    while (<$said>) {
        $file = $1 if m{^# file: /proc/self/fd/(\d+)$};
        next unless my ($default, $kind, $number, $rights) = /^(default:)?(user|group):(\d+):([rwx-]{3})/;
        my ($former, $new) = $kind eq "user" ? (\%users, $new_user) : (\%groups, $new_group);
        push @{$wanted{$file}}, [$default // "", $kind, $number, $new, $rights] if $former->{$number};
    }
    close($said) or die "the ACLs of the files cannot be read\n";
    my %same; # the changes -> the files that need them
    for my $file (keys %wanted) {
        my @changes = @{$wanted{$file}};
        my $set = join(",", map { "$_->[0]$_->[1]:$_->[3]:$_->[4]" } @changes);
        my $remove = join(",", map { "$_->[0]$_->[1]:$_->[2]" } @changes);
        push @{$same{"$set $remove"}}, $names{$file};
    }
    for my $change (keys %same) {
        my ($set, $remove) = split / /, $change;
        my @files = @{$same{$change}};
        # -n: the mask stays as it is
        system("setfacl", "-n", "-m", $set, "-x", $remove, "--", map { at($_->[0]) } @files) == 0
            or die "the ACL of $files[0][1] or a file beside it cannot be changed\n";
    }
}

my $top = start();
my %linked; # device and number of a file with several hard links -> number of the links that were found
each_below($top, ".", sub {
    my ($file, $path, @about) = @_;
    return if S_ISDIR($about[2]) || $about[3] < 2 || !changed(@about);
    my $found = $linked{"$about[0] $about[1]"} //= {count => 0, links => $about[3], path => $path};
    $found->{count}++;
});
for (sort map { $_->{path} } grep { $_->{count} < $_->{links} } values %linked) {
    die "the file $_ also has a name outside of the application's directory, so it is not given to $to: remove that name\n";
}

my @waiting;
each_below($top, ".", sub {
    my ($file, $path, @about) = @_;
    # other links than those above were made meanwhile
    my $is_known = S_ISDIR($about[2]) || $about[3] == ($linked{"$about[0] $about[1]"}{links} // 1);
    if (my ($user, $group) = changed(@about)) {
        die "a process has made another name for $path: end the processes of @from that work in this directory\n"
            unless $is_known;
        chown($user, $group, at($file)) or die "cannot give $path to $to: $!\n";
    }
    return unless $is_known && is_ours($about[4]) && (S_ISDIR($about[2]) || S_ISREG($about[2]));
    push @waiting, [$file, $path];
    give_acls(splice @waiting) if @waiting >= $batch;
});
give_acls(@waiting) if @waiting;
