//! The words of the text form.

use crate::Type;
use crate::print::is_name_char;
use std::fmt;

pub type Result_<T> = Result<T, String>;

#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    /// A name, keyword or number.
    Word(String),
    Symbol(String),
    /// `(`, `)`, `[`, `]`, `,`, `:`, `=`, `!`.
    Sign(char),
    Arrow,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::Symbol(name) => write!(f, "`@{name}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
            Token::Arrow => write!(f, "`->`"),
        }
    }
}

/// A line's tokens.
pub struct Line {
    pub tokens: Vec<Token>,
    pub at: usize,
}

impl Line {
    pub fn of(text: &str) -> Result_<Line> {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(c) = rest.chars().next() {
            let token = match c {
                ';' => break,
                '@' => {
                    rest = &rest[1..];
                    Token::Symbol(Self::name(&mut rest)?)
                }
                '"' => Token::Word(Self::name(&mut rest)?),
                '-' if rest.starts_with("->") => {
                    rest = &rest[2..];
                    Token::Arrow
                }
                '(' | ')' | '[' | ']' | ',' | ':' | '=' | '!' => {
                    rest = &rest[1..];
                    Token::Sign(c)
                }
                _ => {
                    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '*' | '+' | '-');
                    let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
                    if end == 0 {
                        return Err(format!("unexpected `{c}`"));
                    }
                    let (word, after) = rest.split_at(end);
                    rest = after;
                    Token::Word(word.to_owned())
                }
            };
            tokens.push(token);
            rest = rest.trim_start();
        }
        Ok(Line { tokens, at: 0 })
    }

    /// A bare or quoted name.
    fn name(rest: &mut &str) -> Result_<String> {
        let Some(mut quoted) = rest.strip_prefix('"') else {
            let end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            *rest = after;
            return Ok(name.to_owned());
        };
        let mut name = String::new();
        loop {
            let mut chars = quoted.chars();
            match chars.next().ok_or("a name does not end")? {
                '"' => {
                    *rest = chars.as_str();
                    return Ok(name);
                }
                '\\' => match chars.next() {
                    Some('n') => name.push('\n'),
                    Some('u') => {
                        let (digits, after) = chars
                            .as_str()
                            .strip_prefix('{')
                            .and_then(|digits| digits.split_once('}'))
                            .ok_or("a bad escape")?;
                        let code = u32::from_str_radix(digits, 16).map_err(|_| "a bad escape")?;
                        name.push(char::from_u32(code).ok_or("a bad escape")?);
                        chars = after.chars();
                    }
                    Some(c) => name.push(c),
                    None => return Err("a name does not end".into()),
                },
                c => name.push(c),
            }
            quoted = chars.as_str();
        }
    }

    pub fn done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub fn end(&self) -> Result_<()> {
        match self.tokens.get(self.at) {
            None => Ok(()),
            Some(token) => Err(format!("unexpected {token}")),
        }
    }

    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub fn next(&mut self) -> Result_<Token> {
        let token = self.tokens.get(self.at).cloned().ok_or("the line ends too early")?;
        self.at += 1;
        Ok(token)
    }

    pub fn word(&mut self) -> Result_<String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(format!("a word is wanted, not {other}")),
        }
    }

    pub fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    pub fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.at += usize::from(found);
        found
    }

    pub fn take_sign(&mut self, sign: char) -> bool {
        self.take(&Token::Sign(sign))
    }

    pub fn sign(&mut self, sign: char) -> Result_<()> {
        match self.take_sign(sign) {
            true => Ok(()),
            false => Err(match self.peek() {
                Some(token) => format!("`{sign}` is wanted, not {token}"),
                None => format!("`{sign}` is wanted"),
            }),
        }
    }

    pub fn number<T: std::str::FromStr>(&mut self) -> Result_<T> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| format!("`{word}` is no number that fits here"))
    }

    pub fn float(&mut self) -> Result_<f64> {
        let word = self.word()?;
        if let Some(bits) = word.strip_prefix("0x") {
            let bits = u64::from_str_radix(bits, 16).map_err(|_| format!("`{word}` are no bits"))?;
            return Ok(f64::from_bits(bits));
        }
        word.parse().map_err(|_| format!("`{word}` is no float"))
    }

    pub fn ty(&mut self) -> Result_<Type> {
        type_named(&self.word()?)
    }

    /// The items of a list in parentheses, the first of which has been taken.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Line) -> Result_<T>) -> Result_<Vec<T>> {
        let mut items = Vec::new();
        while !self.take_sign(')') {
            if !items.is_empty() {
                self.sign(',')?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }
}

pub fn type_named(name: &str) -> Result_<Type> {
    let found = Type::ALL.into_iter().find(|ty| ty.name() == name);
    found.ok_or_else(|| format!("`{name}` is no type"))
}

/// The number in `v3`, `b3`, `s3`.
pub fn entity(word: &str, prefix: char) -> Option<u32> {
    let digits = word.strip_prefix(prefix)?;
    let canonical = digits == "0" || !digits.starts_with('0');
    // A bound keeps a typing error from filling the memory.
    digits.parse().ok().filter(|&number| canonical && number < 1 << 24)
}
