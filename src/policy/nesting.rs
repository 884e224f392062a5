//! How deeply a source may nest. Cedar's parser, validator and evaluator descend level by level on the stack of a
//! thread, and an exhausted stack ends the process: what is too deep is refused before Cedar sees it.

use super::PolicyError;

/// Brackets within brackets.
const DEEPEST: usize = 20;
/// Links of `&&`, `||`, `+`, `-`, `*`, `.` and `if` in one policy: each may be a level too.
const MOST_LINKS: usize = 120;

/// Refuses what nests too deeply, without understanding more than strings and comments.
pub(super) fn check(text: &str) -> Result<(), PolicyError> {
    let (mut depth, mut half_links) = (0_usize, 0_usize);
    for (line, code) in (1..).zip(outside_strings(text).lines()) {
        for word in code.split(|character: char| !character.is_alphanumeric() && character != '_') {
            half_links += 2 * usize::from(word == "if");
        }
        for character in code.chars() {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '&' | '|' => half_links += 1,
                '+' | '-' | '*' | '.' => half_links += 2,
                // Inside brackets it cannot end a policy, so it does not start the count anew either.
                ';' if depth == 0 => half_links = 0,
                _ => {}
            }
            if depth > DEEPEST {
                return Err(refused(line, format!("brackets stand {DEEPEST} deep: use fewer")));
            }
            if half_links > 2 * MOST_LINKS {
                let message = format!(
                    "one policy has more than {MOST_LINKS} links (`&&`, `||`, `.`, `if`, …): split it, or use \
                     `[…].contains(…)`"
                );
                return Err(refused(line, message));
            }
        }
    }
    Ok(())
}

fn refused(line: usize, message: String) -> PolicyError {
    PolicyError::Syntax { line, column: 1, message }
}

/// The text with strings and comments blanked, line by line the same.
fn outside_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let (mut string, mut comment) = (false, false);
    while let Some(character) = characters.next() {
        match character {
            '\n' => comment = false,
            _ if comment => continue,
            '\\' if string => {
                characters.next();
                continue;
            }
            '"' => string = !string,
            _ if string => continue,
            '/' if characters.peek() == Some(&'/') => comment = true,
            _ => {}
        }
        code.push(character);
    }
    code
}
