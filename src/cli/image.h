/* cli/image.h - the parts of `cloche image` that have a file of their own: image_add.c. */
#ifndef CLO_CLI_IMAGE_H
#define CLO_CLI_IMAGE_H

int clo_cli_image_add(int argc, char **argv);
int clo_cli_image_list(int argc, char **argv);
int clo_cli_image_remove(int argc, char **argv);

#endif
