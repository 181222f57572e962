# Writes files of known content into one directory for ever, and says on the console when each one is safe on the disk:
# `W <disk> <seq> <t_ms> <took_ms>` by the monotonic clock. A freeze shows as the gap between two lines.
use strict;
use warnings;

# perl-base has neither Time::HiRes nor IO::Handle's sync: the calls by their x86-64 numbers (arch/x86/entry/syscalls/syscall_64.tbl).
use constant { FSYNC => 74, CLOCK_GETTIME => 228, CLOCK_MONOTONIC => 1 };
# Bounds what a writer holds (400 files of at most 32 KiB), so that no disk fills.
use constant KEPT => 400;
# Between two files: enough to leave the processor to the agent under emulation.
use constant NAP_SECONDS => 0.015;
# After SIGUSR1, where many guests share a processor.
use constant LONG_NAP_SECONDS => 0.1;

my ($directory) = @ARGV;
my ($disk) = $directory =~ m{([^/]+)$};

sub now_ms {
    my $time = "\0" x 16;
    syscall(CLOCK_GETTIME, CLOCK_MONOTONIC, $time) == 0 or die "clock_gettime: $!";
    my ($seconds, $nanoseconds) = unpack 'qq', $time;
    return $seconds * 1000 + int($nanoseconds / 1_000_000);
}

sub name_of { return sprintf '%s/f-%06d', $directory, shift }

# The same bytes as writerContent() in ../writer.ts.
sub content_of {
    my ($seq) = @_;
    my $size = 4096 + ($seq * 37 % 29) * 1024;
    my $line = "$disk $seq\n";
    return substr $line x ($size / length($line) + 1), 0, $size;
}

opendir my $listing, $directory or die "$directory: $!";
my ($seq) = sort { $b <=> $a } map { /^f-(\d+)$/ ? $1 : () } readdir($listing), 'f-0';
open my $handle, '<', $directory or die "$directory: $!";
open my $console, '>', '/dev/ttyS0' or die "ttyS0: $!";

my $nap = NAP_SECONDS;
$SIG{USR1} = sub { $nap = LONG_NAP_SECONDS };

while (1) {
    $seq += 1;
    my $began = now_ms();
    my $temporary = "$directory/writing";
    open my $file, '>', $temporary or die "$temporary: $!";
    syswrite($file, content_of($seq)) or die "$temporary: $!";
    syscall(FSYNC, fileno $file) == 0 or die "fsync $temporary: $!";
    close $file;
    rename $temporary, name_of($seq) or die "rename $temporary: $!";
    syscall(FSYNC, fileno $handle) == 0 or die "fsync $directory: $!";
    my $done = now_ms();
    syswrite $console, sprintf("W %s %d %d %d\n", $disk, $seq, $done, $done - $began);
    unlink name_of($seq - KEPT) if $seq > KEPT;
    select undef, undef, undef, $nap;
}
