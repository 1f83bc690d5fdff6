// Over the real table: every command and option is in every text that is made of it.
#include "cli/help.h"
#include "cli/output.h"
#include "support/test.h"

static const char *render(bool (*print)(const cli_program *program, wg_buffer *text),
                          wg_buffer *text)
{
    wg_buffer_init(text, NULL, WG_MEMORY_SCRATCH);
    WG_CHECK(print(&cli_waggle, text));
    WG_CHECK(wg_buffer_append(text, "", 1));
    return (const char *)text->data;
}

static void check_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) fail_msg("\"%s\" is missing", part);
}

WG_TEST(every_command_is_complete)
{
    for (const cli_command *c = cli_waggle.commands; c->name != NULL; c++) {
        if (c->run == NULL || c->summary[0] == '\0') fail_msg("%s is not complete", c->name);
        WG_CHECK(c->text[strlen(c->text) - 1] == '\n');
        WG_CHECK(c->example[strlen(c->example) - 1] == '\n');
        WG_CHECK(c->arguments_min <= c->arguments_max);
        check_holds(c->example, "waggle ");
        WG_CHECK(cli_command_find(&cli_waggle, c->name) == c);
    }
}

WG_TEST(no_two_options_of_a_command_share_a_name)
{
    for (const cli_command *c = cli_waggle.commands; c->name != NULL; c++) {
        for (const cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
            WG_CHECK((o->kind == CLI_FLAG) == (o->value == NULL));
            WG_CHECK((o->kind == CLI_CHOICE) == (o->choices != NULL));
            for (const cli_option *other = o + 1; other->name != NULL; other++) {
                WG_CHECK(strcmp(o->name, other->name) != 0);
                WG_CHECK(o->letter == 0 || o->letter != other->letter);
            }
            for (const cli_option *g = cli_waggle.options; g->name != NULL; g++) {
                WG_CHECK(strcmp(o->name, g->name) != 0);
                WG_CHECK(o->letter == 0 || o->letter != g->letter);
            }
        }
    }
}

WG_TEST(help_names_every_command_and_option)
{
    wg_buffer text;
    const char *all = render(cli_help_program, &text);

    for (const cli_command *c = cli_waggle.commands; c->name != NULL; c++) {
        check_holds(all, c->name);
    }
    wg_buffer_finish(&text);
    for (const cli_command *c = cli_waggle.commands; c->name != NULL; c++) {
        wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
        WG_CHECK(cli_help_command(&cli_waggle, c, &text) && wg_buffer_append(&text, "", 1));
        for (const cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
            check_holds((const char *)text.data, o->name);
        }
        check_holds((const char *)text.data, c->summary);
        wg_buffer_finish(&text);
    }
}

static void check_width(const char *at)
{
    while (*at != '\0') {
        size_t size = strcspn(at, "\n");
        if (size > 80) fail_msg("%zu columns: %.*s", size, (int)size, at);
        at += size + (at[size] == '\n');
    }
}

WG_TEST(help_fits_eighty_columns)
{
    wg_buffer text;

    check_width(render(cli_help_program, &text));
    wg_buffer_finish(&text);
    for (const cli_command *c = cli_waggle.commands; c->name != NULL; c++) {
        wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
        WG_CHECK(cli_help_command(&cli_waggle, c, &text) && wg_buffer_append(&text, "", 1));
        check_width((const char *)text.data);
        wg_buffer_finish(&text);
    }
}

WG_TEST(man_page_markdown_and_completions_name_every_option)
{
    bool (*const prints[])(const cli_program *program, wg_buffer *text) = {
        cli_help_man, cli_help_markdown, cli_complete_bash, cli_complete_zsh, cli_complete_fish};

    for (size_t i = 0; i < WG_COUNT(prints); i++) {
        wg_buffer buffer;
        const char *text = render(prints[i], &buffer);
        for (const cli_command *c = cli_waggle.commands; c->name != NULL; c++) {
            check_holds(text, strrchr(c->name, ' ') == NULL ? c->name : strrchr(c->name, ' ') + 1);
            for (const cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
                check_holds(text, o->name);
            }
        }
        wg_buffer_finish(&buffer);
    }
}
