//! Where the password comes from: a file, the environment, or a prompt. Never the command line.

use std::fs;
use std::io::{self, IsTerminal};

use cbulk::options::Secret;

use crate::args::{Args, PASSWORD_FILE_FLAG, PASSWORD_VARIABLE, password_ways};
use crate::failure::Failure;

/// The password of `--user`; none is needed without a user.
///
/// # Errors
/// A file that cannot be read, or no password and no terminal to ask.
pub(crate) fn find(args: &Args) -> Result<Option<Secret>, Failure> {
    let Some(user) = &args.user else { return Ok(None) };
    if let Some(file) = &args.password_file {
        let text = fs::read_to_string(file)
            .map_err(|e| Failure::usage(format!("cannot read the {PASSWORD_FILE_FLAG} '{}': {e}", file.display())))?;
        // Editors end a file by a line end, which is no part of the password.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        return Ok(Some(Secret::new(text)));
    }
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => return Ok(Some(Secret::new(password))),
        Err(std::env::VarError::NotPresent) => {}
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(Failure::usage(format!("the password in {PASSWORD_VARIABLE} is not UTF-8")));
        }
    }
    if !io::stderr().is_terminal() {
        return Err(Failure::usage(format!("the password of user '{user}' is not known")).with_hint(password_ways()));
    }
    rpassword::prompt_password(format!("Password of {user}: ")).map(|text| Some(Secret::new(text))).map_err(|e| {
        Failure::usage(format!("cannot ask for the password of user '{user}': {e}")).with_hint(password_ways())
    })
}
