// Cuts the power of a mounted ext4: from this call on nothing reaches its device, the journal included, as if
// the supply had failed. The file system must then be unmounted; mounting it again replays the journal.
// usage (root): ext4_shutdown MOUNT_POINT

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define EXT4_SHUTDOWN _IOR('X', 125, uint32_t)
#define EXT4_SHUTDOWN_FLUSH_NOTHING 2u // 0 would flush all, 1 the journal

int main(int count, char **arguments)
{
    uint32_t flag = EXT4_SHUTDOWN_FLUSH_NOTHING;
    if (count != 2) {
        fprintf(stderr, "usage: %s MOUNT_POINT\n", arguments[0]);
        return 2;
    }
    int folder = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || ioctl(folder, EXT4_SHUTDOWN, &flag) != 0) {
        fprintf(stderr, "%s: %s\n", arguments[1], strerror(errno));
        return 1;
    }
    return 0;
}
