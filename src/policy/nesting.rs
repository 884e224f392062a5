//! How deeply a source may nest. Cedar's parser, validator and evaluator descend level by level on the stack of a
//! thread, and an exhausted stack ends the process: what is too deep is refused before Cedar sees it.

use super::PolicyError;

/// Brackets within brackets.
const DEEPEST: usize = 20;
/// Links in one policy, each of which may be a level too: operators, accesses, `if`, and the braces of conditions, which
/// are joined by `&&`.
const MOST_LINKS: usize = 120;

/// Refuses what nests too deeply, without understanding more than strings and comments.
pub(super) fn check(text: &str) -> Result<(), PolicyError> {
    let (mut depth, mut half_links) = (0_usize, 0_usize);
    for (line, code) in (1..).zip(outside_strings(text).lines()) {
        // Each piece is a word, possibly empty, and the one character behind it.
        for piece in code.split_inclusive(|character: char| !in_word(character)) {
            half_links += 2 * usize::from(piece.trim_end_matches(|character| !in_word(character)) == "if");
            match piece.chars().next_back() {
                Some('[' | '{') => (depth, half_links) = (depth + 1, half_links + 2),
                Some('(') => depth += 1,
                Some(')' | ']' | '}') => depth = depth.saturating_sub(1),
                Some('&' | '|') => half_links += 1,
                Some('+' | '-' | '*' | '.') => half_links += 2,
                // Inside brackets it cannot end a policy, so it does not start the count anew either.
                Some(';') if depth == 0 => half_links = 0,
                _ => {}
            }
            if depth > DEEPEST {
                return Err(refused(line, format!("brackets stand {DEEPEST} deep: use fewer")));
            }
            if half_links > 2 * MOST_LINKS {
                let message = format!(
                    "one policy has more than {MOST_LINKS} links (`&&`, `||`, `.`, `[`, `{{`, `if`, …): split it, or \
                     use `[…].contains(…)`"
                );
                return Err(refused(line, message));
            }
        }
    }
    Ok(())
}

/// Without digits, as `1if` is a number and a word.
fn in_word(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
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
            // Both end a comment for Cedar.
            '\n' | '\r' => comment = false,
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
